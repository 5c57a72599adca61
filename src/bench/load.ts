import type { Connector } from "../runtimes/connector.ts";
import { explain } from "../core/error_message.ts";
import type { Addr } from "../core/transport.ts";
import { Client, type ClientOwner } from "./client.ts";
import { Faults } from "./faults.ts";
import { Pacer } from "./pacer.ts";
import { Pattern } from "./pattern.ts";

/** How many connections are opened at the same time. */
const AT_ONCE = 100;
/** For how long nothing may come back, once nothing more is sent, in milliseconds. */
const SILENCE = 5_000;
/** For how long a datagram is waited for, in milliseconds. */
const DATAGRAM_LIFE = 1_000;
/** How often these two are looked after, in milliseconds. */
const CHECK = 100;

/** What some errors mean for a client in particular, by their POSIX name. */
const REASONS: Readonly<Record<string, string>> = {
  ECONNRESET: "connection reset by the server",
  EPIPE: "connection reset by the server",
  EADDRNOTAVAIL: "no port is left on this side",
};

/** What a load consists of. */
export interface LoadOptions {
  readonly addr: Addr;
  /** How many connections; when `churn` is set, how many at the same time. */
  readonly connections: number;
  /** The smallest and the largest size of a message, in bytes. */
  readonly size: readonly [number, number];
  /** How many messages are counted, at most. */
  readonly messages: number;
  /** Messages a second; undefined for one as soon as another is back. */
  readonly rate?: number | undefined;
  /** How many messages each connection has in flight, without a rate. */
  readonly window: number;
  /** Whether every message has a connection of its own. */
  readonly churn: boolean;
  /** The number of the first connection, and how far it is to the next. */
  readonly ids: { readonly first: number; readonly step: number };
}

/** What a load has come to. */
export interface Tally {
  /** For how long messages were counted. */
  readonly seconds: number;
  /** How many came back. */
  readonly messages: number;
  /** How many bytes were in them. */
  readonly bytes: number;
  /** How many the connection got back that got the fewest. */
  readonly least: number;
  /** How many the connection got back that got the most. */
  readonly most: number;
}

/** What loads an endpoint. Its methods are called once each, in their order. */
export interface Loader {
  /** What has gone wrong so far. */
  readonly faults: Faults;
  /** Resolves when there is nothing left to send, or no connection left to send it. */
  readonly exhausted: Promise<void>;
  /** Opens the connections. Rejects if there is none that can be opened. */
  open(): Promise<void>;
  /** Starts sending. */
  start(): void;
  /** Counts what is sent from now on; may come before `start`. */
  count(): void;
  /**
   * Stops whatever is under way. Resolves when everything has come back, or
   * nothing more comes.
   */
  stop(): Promise<void>;
  /** What it has come to so far. */
  tally(): Tally;
}

/** Loads an endpoint, from one thread. */
export class Load implements Loader, ClientOwner {
  readonly faults: Faults = new Faults();
  readonly exhausted: Promise<void>;
  readonly #connector: Connector;
  readonly #options: LoadOptions;
  readonly #record: (ms: number) => void;
  readonly #pattern = new Pattern();
  readonly #pacer: Pacer | undefined;
  /** Those that are open, or being opened. */
  readonly #clients = new Set<Client>();
  /** Those that send in turn; some may have been lost. */
  #inTurn: Client[] = [];
  #turn = 0;
  #unopened = 0;
  #opened = 0;
  #sending = false;
  /** How many messages may still be sent. */
  #left: number;
  #waiting = 0;
  #messages = 0;
  #bytes = 0;
  #countedFrom = Infinity;
  #heardAt = 0;
  #endedAt = 0;
  #checker: ReturnType<typeof setInterval> | undefined;
  #exhaust = () => {};
  #settle = () => {};

  /** Tells `record` how long each counted echo took, in milliseconds. */
  constructor(
    connector: Connector,
    options: LoadOptions,
    record: (ms: number) => void,
  ) {
    this.#connector = connector;
    this.#options = options;
    this.#record = record;
    this.#left = options.messages;
    if (options.rate !== undefined) {
      this.#pacer = new Pacer(options.rate, (time) => this.#sendInTurn(time));
    }
    this.exhausted = new Promise((resolve) => this.#exhaust = resolve);
  }

  async open(): Promise<void> {
    const { connections, churn } = this.#options;
    this.#unopened = churn ? 1 : connections;
    const work = async () => {
      while (this.#unopened-- > 0) await this.#connect(this.#createClient());
    };
    await Promise.all(Array.from({ length: AT_ONCE }, work));
    if (this.#clients.size === 0) {
      throw new Error(this.faults.first.get("failed")?.reason);
    }
    if (churn) this.#finishAll();
    else this.#inTurn = [...this.#clients];
  }

  start(): void {
    const { connections, window, churn } = this.#options;
    this.#sending = true;
    this.#checker = setInterval(() => this.#check(), CHECK);
    if (churn) {
      for (let i = 0; i < connections; i++) this.#sendAnew();
    } else if (this.#clients.size === 0) {
      this.#exhaust();
    } else if (this.#pacer) {
      this.#pacer.start();
    } else {
      for (let i = 0; i < window; i++) {
        for (const client of this.#clients) {
          this.#send(client, performance.now());
        }
      }
    }
  }

  count(): void {
    this.#countedFrom = performance.now();
  }

  async stop(): Promise<void> {
    this.#unopened = 0;
    this.#pacer?.stop();
    this.#sending = false;
    this.#endedAt = this.#heardAt = performance.now();
    if (this.#waiting > 0) {
      await new Promise<void>((resolve) => this.#settle = resolve);
    }
    clearInterval(this.#checker);
    this.#finishAll("late");
  }

  tally(): Tally {
    const each = this.#options.churn
      ? [Math.min(this.#messages, 1)]
      : this.#inTurn.map((client) => client.messages);
    const end = this.#sending ? performance.now() : this.#endedAt;
    return {
      seconds: Math.max(end - this.#countedFrom, 0) / 1000,
      messages: this.#messages,
      bytes: this.#bytes,
      least: each.reduce((a, b) => Math.min(a, b), Infinity),
      most: each.reduce((a, b) => Math.max(a, b), 0),
    };
  }

  onHeard(now: number): void {
    this.#heardAt = now;
  }

  onEcho(client: Client, time: number, size: number, now: number): void {
    this.#waiting--;
    if (time >= this.#countedFrom) {
      this.#messages++;
      client.messages++;
      this.#bytes += size;
      this.#endedAt = now;
      this.#record((this.#options.churn ? client.firstHeardAt : now) - time);
    }
    this.#goOn(client, now);
  }

  onLost(client: Client, error?: Error): void {
    if (!this.#clients.delete(client)) return;
    this.#waiting -= client.inFlight;
    const before = this.faults.total;
    client.finish(error ? undefined : "truncated");
    if (error) {
      this.#fail(client, error);
    } else if (this.#sending && this.faults.total === before) {
      this.#fail(client, "ended by the server");
    }
    this.#settleIfDone();
  }

  #createClient(): Client {
    const { first, step } = this.#options.ids;
    const connection = first + this.#opened++ * step;
    const client = new Client(
      connection,
      this,
      this.#pattern,
      (kind, offset, count) =>
        this.faults.add({ kind, connection, offset, count }),
    );
    this.#clients.add(client);
    return client;
  }

  async #connect(client: Client): Promise<void> {
    try {
      const { addr } = this.#options;
      const socket = await this.#connector.connect(addr, client);
      if (this.#clients.has(client)) client.attach(socket);
      else socket.close();
    } catch (error) {
      if (!this.#clients.delete(client)) return;
      this.#waiting -= client.inFlight;
      this.#fail(client, error);
      this.#settleIfDone();
    }
  }

  #fail(client: Client, error: unknown): void {
    this.faults.add({
      kind: "failed",
      connection: client.id,
      offset: client.sent,
      count: 1,
      reason: explain(error, {
        ...REASONS,
        ...("path" in this.#options.addr && { EINVAL: "name too long" }),
      }),
    });
  }

  #send(client: Client, time: number): void {
    if (!this.#sending) return;
    const [least, most] = this.#options.size;
    const size = least === most
      ? least
      : least + Math.floor(Math.random() * (most - least + 1));
    this.#waiting++;
    if (time >= this.#countedFrom && --this.#left === 0) {
      this.#sending = false;
      this.#exhaust();
    }
    client.send(size, time);
  }

  #sendInTurn(time: number): void {
    const count = this.#inTurn.length;
    for (let tries = 0; tries < count; tries++) {
      const client = this.#inTurn[this.#turn++ % count];
      if (!client || !this.#clients.has(client)) continue;
      this.#send(client, time);
      return;
    }
  }

  /** Sends a message over a new connection. */
  #sendAnew(): void {
    if (!this.#sending) return;
    const client = this.#createClient();
    this.#send(client, performance.now());
    this.#connect(client);
  }

  /** Goes on after a message of a client is back, or given up. */
  #goOn(client: Client, now: number): void {
    if (this.#options.churn) {
      this.#clients.delete(client);
      client.finish();
      this.#sendAnew();
    } else if (!this.#pacer) {
      this.#send(client, now);
    }
    if (this.#waiting === 0) this.#settle();
  }

  #settleIfDone(): void {
    if (this.#sending && this.#clients.size === 0) this.#exhaust();
    if (this.#waiting === 0) this.#settle();
  }

  #check(): void {
    const now = performance.now();
    if (this.#options.addr.transport === "udp") {
      for (const client of this.#clients) {
        while (client.waitingSince < now - DATAGRAM_LIFE) {
          this.#waiting--;
          client.giveUp();
          this.#goOn(client, now);
        }
      }
    }
    if (!this.#sending && now - this.#heardAt > SILENCE) this.#settle();
  }

  #finishAll(missing?: "late"): void {
    for (const client of this.#clients) client.finish(missing);
    this.#clients.clear();
  }
}
