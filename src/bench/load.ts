import { CONNECT_REASONS, type Connector } from "../runtimes/connector.ts";
import { explain } from "../core/error_message.ts";
import { Standstill } from "../core/standstill.ts";
import { hasTimedOut } from "../runtimes/timeout.ts";
import type { Client, ClientOwner, Finding } from "./client.ts";
import { DatagramClient } from "./datagram_client.ts";
import { Dialer } from "./dialer.ts";
import { Faults } from "./faults.ts";
import { InFlight } from "./in_flight.ts";
import type {
  Details,
  Ending,
  Loader,
  LoadOptions,
  Recorder,
  Tally,
} from "./loader.ts";
import { Pacer } from "./pacer.ts";
import { Pattern } from "./pattern.ts";
import { Pauses } from "./pauses.ts";
import { Gaps } from "./reconnection_gaps.ts";
import { createTimes, type Seat } from "./seat.ts";
import { StreamClient } from "./stream_client.ts";

/** The number of connections to open at the same time. */
const AT_ONCE = 100;
/** For how long nothing may come back, once nothing more is sent, in milliseconds. */
const SILENCE = 5_000;
/** The interval of checking that, in milliseconds. */
const CHECK = 100;
/** For how long a slot waits after its connection has failed, at first and at most, in milliseconds. */
const BACKOFF = { first: 1, longest: 100 };

/** The numbers of one phase. */
class Phase {
  sent = 0;
  messages = 0;
  bytes = 0;
  /** When the first and the last of its messages came back. */
  firstAt = Infinity;
  lastAt = 0;
  /** What has happened to datagrams. */
  readonly findings = { lost: 0, unread: 0, duplicated: 0, reordered: 0 };
  /** The number of messages that may still be sent. */
  left: number;

  constructor(left: number) {
    this.left = left;
  }
}

/** Loads an endpoint from one thread. */
export class Load implements Loader, ClientOwner {
  readonly faults: Faults = new Faults();
  readonly exhausted: Promise<Ending>;
  readonly #dialer: Dialer;
  readonly #options: LoadOptions;
  readonly #record: Recorder;
  readonly #pattern = new Pattern();
  readonly #pacer: Pacer | undefined;
  /** Clients that are open or being opened. */
  readonly #clients = new Set<Client>();
  /** Clients that send in turn; some may have been lost. */
  #inTurn: Client[] = [];
  #turn = 0;
  #unopened = 0;
  #opened = 0;
  #sending = false;
  /** The times of all messages, for what no single connection is asked for. */
  readonly #times = [createTimes(), createTimes()] as const;
  #waiting = 0;
  /**
   * The warm-up and what counts take the very same way, so that the code that
   * is optimised for the one stays so for the other.
   */
  readonly #phases: readonly [Phase, Phase];
  /**
   * When messages begin to count. An array, so that no compiler takes it for a
   * constant, and a typed one, as the first change of another changes its kind.
   */
  readonly #countedFrom = Float64Array.of(Infinity);
  /** The number that had come back by then. */
  #arrivedBefore = 0;
  #heardAt = 0;
  /** How often to check. */
  readonly #interval: number;
  readonly #standstill: Standstill;
  #stoppedAt = Infinity;
  /** How many messages had come back by then, and when the last of them did. */
  #beforeStop = { count: 0, lastAt: 0 };
  /** When the time of the last message was over, of a number of them. */
  #allSentAt = Infinity;
  /** When messages were dropped that could not be sent before the end. */
  #droppedAt = 0;
  /** The next wait of a slot whose connection has failed. */
  #backoff = BACKOFF.first;
  readonly #pauses = new Pauses();
  /** With churn and a rate: the messages that are due and have no slot yet. */
  #due = new InFlight();
  readonly #gaps = new Gaps();
  #hurried = false;
  #notAwaited = 0;
  #checker: ReturnType<typeof setInterval> | undefined;
  #exhaust: (ending: Ending) => void = () => {};
  #settle = () => {};

  /** Calls `record` for each echo. */
  constructor(
    connector: Connector,
    options: LoadOptions,
    record: Recorder,
  ) {
    this.#dialer = new Dialer(connector, options.addr);
    this.#options = options;
    this.#record = record;
    this.#interval = Math.min(CHECK, Math.max(options.patience / 4, 1));
    this.#standstill = new Standstill(this.#interval);
    this.#phases = [new Phase(Infinity), new Phase(options.messages)];
    if (options.rate !== undefined) {
      const send = options.churn
        ? (due: number, now: number) => this.#sendOrQueue(due, now)
        : (due: number, now: number) => this.#sendInTurn(due, now);
      this.#pacer = new Pacer(options.rate, send, options.delay);
    }
    this.exhausted = new Promise((resolve) => this.#exhaust = resolve);
  }

  async open(): Promise<void> {
    const { connections, churn, ramp } = this.#options;
    this.#unopened = churn ? 1 : connections;
    if (ramp > 0) {
      await this.#openGradually(ramp);
    } else {
      const work = async () => {
        while (this.#unopened-- > 0) await this.#connect(this.#createClient());
      };
      await Promise.all(Array.from({ length: AT_ONCE }, work));
    }
    if (this.#clients.size === 0) {
      const { reason } = this.faults.first.get("failed") ?? {};
      throw new Error(reason ?? "ended by the server");
    }
    if (churn) this.#finishAll();
    else {
      this.#inTurn = [...this.#clients].sort((a, b) => a.seat.id - b.seat.id);
    }
  }

  start(): void {
    const { connections, window, churn, warmup, duration } = this.#options;
    // Among threads a share may be nothing.
    this.#sending = this.#options.messages > 0;
    this.#standstill.start();
    this.#checker = setInterval(() => this.#check(), this.#interval);
    if (churn && !this.#pacer) {
      for (let i = 0; i < connections; i++) this.#sendAnew();
    } else if (this.#clients.size === 0 && !churn) {
      this.#exhaust("no connection left");
    } else if (this.#pacer) {
      this.#pacer.start(this.#from < Infinity ? duration : warmup);
    } else {
      for (let i = 0; i < window; i++) {
        for (const client of this.#clients) {
          const now = performance.now();
          this.#send(client, now, now);
        }
      }
    }
  }

  count(): void {
    this.#countedFrom[0] = performance.now();
    this.#arrivedBefore = this.#arrived;
    this.#standstill.longest = 0;
    if (this.#options.churn) this.#dialer.times.reset();
    // What was due before is not made up for.
    this.#due = new InFlight();
    if (this.#pacer) this.#dropUnsent(performance.now());
    this.#gaps.count();
    if (this.#options.messages === 0) this.#exhaust("all sent");
    if (this.#sending) this.#pacer?.start(this.#options.duration);
  }

  async stop(): Promise<void> {
    this.#unopened = 0;
    this.#pacer?.stop();
    this.#sending = false;
    this.#stoppedAt = performance.now();
    const { messages, lastAt } = this.#phases[1];
    this.#beforeStop = { count: messages, lastAt };
    if (this.#waiting > 0 && !this.#hurried) {
      await new Promise<void>((resolve) => {
        this.#settle = resolve;
        this.#check();
      });
    }
    clearInterval(this.#checker);
    this.#pauses.end();
    if (this.#hurried) {
      this.#countNotAwaited();
      this.#finishAll();
    } else {
      this.#finishAll("late");
    }
  }

  hurry(): void {
    this.#hurried = true;
    this.#settle();
  }

  tally(): Tally {
    const [warmup, counted] = this.#phases;
    const { sent, messages, bytes, lastAt, findings } = counted;
    const each = this.#options.churn
      ? [Math.min(messages, 1)]
      : this.#inTurn.map(({ seat }) => seat.times[1].count);
    const from = this.#from;
    const sentUntil = Math.min(this.#stoppedAt, performance.now());
    const end = Math.max(sentUntil, lastAt, warmup.lastAt);
    const dueUntil = Math.min(
      this.#allSentAt < Infinity ? this.#allSentAt : sentUntil,
      from + this.#options.duration,
    );
    const pacer = from < Infinity ? this.#pacer : undefined;
    const due = pacer?.dueBy(sentUntil) ?? 0;
    const overdue = pacer?.overdueBy(sentUntil) ?? 0;
    const unsent = Math.max(Math.min(due, this.#options.messages) - sent, 0);
    return {
      seconds: Math.max(end - from, 0) / 1000,
      messages,
      bytes,
      least: each.reduce((a, b) => Math.min(a, b), Infinity),
      most: each.reduce((a, b) => Math.max(a, b), 0),
      echoed: from < Infinity ? this.#arrived - this.#arrivedBefore : 0,
      arrived: this.#arrived,
      arrivedBytes: warmup.bytes + bytes,
      sent,
      // Until the interval of the last one is over, more than was asked for are sent.
      sentRate: Math.min(
        sent / Math.max(dueUntil - from, this.#droppedAt - from, 0.001) * 1000,
        this.#options.rate ?? Infinity,
      ),
      unsent,
      notAwaited: this.#notAwaited,
      stalled: this.#standstill.longest,
      // No server can keep a datagram from being sent.
      overdue: this.#options.addr.transport === "udp"
        ? Math.max(overdue, unsent)
        : overdue,
      pace: this.#pace,
      ...findings,
      address: this.#dialer.address,
    };
  }

  details(): Details {
    return {
      connects: this.#dialer.times.data(),
      each: this.#inTurn.map(({ seat: { id, times: [_, times] }, jitter }) => ({
        connection: id,
        messages: times.count,
        p50Us: times.percentile(50),
        p99Us: times.percentile(99),
        jitterUs: jitter === undefined ? null : jitter * 1000,
      })),
      gaps: this.#gaps.figures(),
    };
  }

  get #pace(): number {
    const { sent, messages, firstAt, lastAt } = this.#phases[1];
    // What comes at the very end, late, would stretch the time for all.
    const [count, until] = this.#beforeStop.count > 1
      ? [this.#beforeStop.count, this.#beforeStop.lastAt]
      : [messages, lastAt];
    if (until <= firstAt) return 0;
    const { rate = Infinity } = this.#options;
    return Math.min(
      (count - 1) / (until - firstAt) * 1000,
      messages / sent * rate,
    );
  }

  get #from(): number {
    return this.#countedFrom[0] ?? Infinity;
  }

  /** Whether nothing is sent any more, and a connection may end. */
  get #isOver(): boolean {
    return this.#stoppedAt < Infinity || this.#phases[1].left <= 0;
  }

  /** The number that has come back in both phases. */
  get #arrived(): number {
    const [warmup, counted] = this.#phases;
    return warmup.messages + counted.messages;
  }

  lostBefore(now: number): number {
    return this.#standstill.isBehind(now)
      ? -Infinity
      : now - this.#options.patience;
  }

  onHeard(now: number): void {
    this.#heardAt = now;
  }

  onEcho(
    client: Client,
    time: number,
    size: number,
    now: number,
    sentAt: number,
  ): void {
    this.#waiting--;
    const index = time >= this.#from ? 1 : 0;
    const phase = this.#phases[index];
    phase.messages++;
    // A branch that the first message alone takes would undo optimised code.
    phase.firstAt = Math.min(phase.firstAt, now);
    phase.lastAt = now;
    phase.bytes += size;
    client.seat.times[index].record(now - time);
    this.#backoff = BACKOFF.first;
    this.#record(index, now - time, sentAt - time);
    this.#goOn(client, now);
  }

  onMissing(client: Client, now: number): void {
    // Afterwards, as the silence goes on.
    this.#goOn(client, now);
    this.#waiting--;
    this.#settleIfDone();
  }

  onFinding(finding: Finding, time: number): void {
    this.#phases[time >= this.#from ? 1 : 0].findings[finding]++;
  }

  onLost(client: Client, error?: Error): void {
    if (!this.#clients.delete(client)) return;
    this.#waiting -= client.inFlight;
    const unsent = this.#discountUnsent(client);
    if (this.#options.reconnect) {
      this.#giveBack(unsent);
      this.#cut(client);
      return;
    }
    const before = this.faults.total;
    client.finish(error ? undefined : "truncated");
    if (error) {
      this.#fail(client, error);
    } else if (!this.#isOver && this.faults.total === before) {
      this.#fail(client, "ended by the server");
    }
    this.#refill();
    this.#settleIfDone();
  }

  #createSeat(): Seat {
    const { ids: { first, step }, churn } = this.#options;
    const [warmup, counted] = this.#times;
    return {
      id: first + this.#opened++ * step,
      times: [warmup, churn ? counted : createTimes()],
    };
  }

  #createClient(
    seat: Seat = this.#createSeat(),
    owner: ClientOwner = this,
  ): Client {
    const connection = seat.id;
    const kind = this.#options.addr.transport === "udp"
      ? DatagramClient
      : StreamClient;
    const client = new kind(
      seat,
      owner,
      this.#pattern,
      (kind, offset, count) =>
        this.faults.add({ kind, connection, offset, count }),
    );
    this.#clients.add(client);
    return client;
  }

  async #connect(client: Client): Promise<void> {
    try {
      const socket = await this.#dialer.dial(client);
      if (this.#clients.has(client)) client.attach(socket);
      else socket.close();
    } catch (error) {
      if (!this.#clients.delete(client)) return;
      this.#waiting -= client.inFlight;
      this.#fail(client, error);
      // Others would wait as long.
      if (hasTimedOut(error) && !this.#dialer.address) this.#unopened = 0;
      this.#refill();
      this.#settleIfDone();
    }
  }

  /** Opens the connections one after another, unless the first cannot be opened. */
  async #openGradually(ramp: number): Promise<void> {
    const count = this.#unopened;
    const startedAt = performance.now();
    const opening: Promise<void>[] = [];
    while (this.#unopened > 0) {
      const elapsed = performance.now() - startedAt;
      const due = Math.min(Math.floor(elapsed / ramp * count) + 1, count);
      while (count - this.#unopened < due) {
        this.#unopened--;
        opening.push(this.#connect(this.#createClient()));
      }
      if (opening.length === 1) await opening[0];
      if (this.#clients.size === 0) break;
      await this.#pauses.wait(Math.max(due / count * ramp - elapsed, 1));
    }
    await Promise.all(opening);
  }

  /** A connection that is to be opened again has ended. */
  #cut(client: Client): void {
    const { seat } = client;
    const now = performance.now();
    this.#gaps.begin(seat, client.inFlight - client.unsent(-Infinity), now);
    client.finish();
    if (!this.#isOver) {
      const next = this.#createClient(seat, this.#watchGap());
      const turn = this.#inTurn.indexOf(client);
      if (turn >= 0) this.#inTurn[turn] = next;
      this.#reopen(next);
    }
    this.#settleIfDone();
  }

  /** Does as this load does, and ends the gap of a connection with its first echo. */
  #watchGap(): ClientOwner {
    return {
      lostBefore: (now) => this.lostBefore(now),
      onHeard: (now) => this.onHeard(now),
      onEcho: (client, time, size, now, sentAt) => {
        this.#gaps.end(client.seat, now);
        this.onEcho(client, time, size, now, sentAt);
      },
      onMissing: (client, now) => this.onMissing(client, now),
      onFinding: (finding, time) => this.onFinding(finding, time),
      onLost: (client, error) => this.onLost(client, error),
    };
  }

  /** Tries to open a connection until it is open, or all is over. */
  async #reopen(client: Client): Promise<void> {
    for (let wait = BACKOFF.first; this.#clients.has(client);) {
      try {
        const socket = await this.#dialer.dial(client);
        if (!this.#clients.has(client)) return socket.close();
        client.attach(socket);
        if (this.#pacer) return;
        const now = performance.now();
        // It may have got some before it was open.
        for (let i = client.inFlight; i < this.#options.window; i++) {
          this.#send(client, now, now);
        }
        return;
      } catch {
        await this.#pauses.wait(wait);
        wait = Math.min(wait * 2, BACKOFF.longest);
      }
    }
  }

  /** With churn: sends another message in the place of one that was lost, soon. */
  async #refill(): Promise<void> {
    if (!this.#options.churn || !this.#sending) return;
    const wait = this.#backoff;
    this.#backoff = Math.min(this.#backoff * 2, BACKOFF.longest);
    await this.#pauses.wait(wait);
    this.#sendAnew();
  }

  #fail(client: Client, error: unknown): void {
    this.faults.add({
      kind: "failed",
      connection: client.seat.id,
      offset: client.sent,
      count: 1,
      reason: explain(error, {
        ...CONNECT_REASONS,
        ...("path" in this.#options.addr && { EINVAL: "name too long" }),
      }),
    });
  }

  #send(client: Client, time: number, now: number): void {
    if (!this.#sending) return;
    const [least, most] = this.#options.size;
    const size = least === most
      ? least
      : least + Math.floor(Math.random() * (most - least + 1));
    if (this.#waiting++ === 0) this.#heardAt = now;
    const phase = this.#phases[time >= this.#from ? 1 : 0];
    phase.sent++;
    if (--phase.left === 0) this.#endSending(now);
    client.send(size, time, now);
    if (phase.left === 0) this.#endIfSent();
  }

  /** All messages have been given to connections. */
  #endSending(now: number): void {
    this.#sending = false;
    const { rate = Infinity } = this.#options;
    this.#allSentAt = now + 1000 / rate;
  }

  /** Ends the sending once the last message has been sent to its last byte. */
  #endIfSent(): void {
    for (const client of this.#clients) {
      if (client.unsent(-Infinity) > 0) return;
    }
    this.#exhaust("all sent");
  }

  #sendInTurn(time: number, now: number): void {
    const count = this.#inTurn.length;
    for (let tries = 0; tries < count; tries++) {
      const client = this.#inTurn[this.#turn++ % count];
      if (!client || !this.#clients.has(client)) continue;
      this.#send(client, time, now);
      return;
    }
  }

  /** With churn and a rate: sends a message as soon as there is a slot for it. */
  #sendOrQueue(time: number, now: number): void {
    if (this.#clients.size < this.#options.connections) {
      this.#sendOverNew(time, now);
    } else {
      this.#due.push(0, time);
    }
  }

  /** With churn: a slot is free. */
  #sendAnew(): void {
    const now = performance.now();
    if (!this.#pacer) return this.#sendOverNew(now, now);
    if (this.#due.count === 0) return;
    const { time } = this.#due;
    this.#due.shift();
    this.#sendOverNew(time, now);
  }

  /** Sends a message over a new connection. */
  #sendOverNew(time: number, now: number): void {
    if (!this.#sending) return;
    const client = this.#createClient();
    this.#send(client, time, now);
    this.#connect(client);
  }

  /** Continues after a message of a client has come back or been given up. */
  #goOn(client: Client, now: number): void {
    if (this.#options.churn) {
      this.#clients.delete(client);
      client.finish();
      this.#sendAnew();
    } else if (!this.#pacer) {
      this.#send(client, now, now);
    }
    if (this.#waiting === 0) this.#settleIfDone();
  }

  #settleIfDone(): void {
    const { churn } = this.#options;
    if (this.#sending && this.#clients.size === 0 && !churn) {
      this.#exhaust("no connection left");
    }
    if (this.#waiting > 0) return;
    if (this.#phases[1].left === 0) this.#exhaust("all sent");
    this.#settle();
  }

  #check(): void {
    const now = performance.now();
    this.#standstill.look(now);
    if (this.#standstill.isBehind(now)) return;
    for (const client of this.#clients) {
      client.giveUp(now);
    }
    const { addr, churn, reconnect, messages, drain, patience } = this.#options;
    const silence = Math.max(SILENCE, patience + CHECK);
    const isWaiting = this.#waiting > 0 ||
      // For a connection that is to be opened again.
      reconnect && this.#sending && !this.#pacer;
    const isSilent = isWaiting && now - this.#heardAt >= silence &&
      !(churn && this.#dialer.pending > 0);
    if (isSilent && messages < Infinity) {
      this.#sending = false;
      this.#exhaust(`nothing came back for ${Math.floor(silence / 1000)} s`);
    }
    if (now - this.#stoppedAt >= CHECK) this.#dropUnsent(now);
    // A datagram has its own time.
    const isLate = isSilent && addr.transport !== "udp";
    if (isLate || now - this.#stoppedAt >= drain) this.#settle();
    if (churn && this.#sending) this.#giveUpSilent(now);
    if (this.#phases[1].left === 0) this.#endIfSent();
  }

  /** With churn: gives up the messages that nothing has come back for. */
  #giveUpSilent(now: number): void {
    for (const client of this.#clients) {
      if (now - client.heardAt < SILENCE) continue;
      this.#clients.delete(client);
      client.finish("late");
      this.#sendAnew();
      this.#waiting--;
    }
  }

  /** Drops what was due and has not been sent: a server, or the system, may take no more. */
  #dropUnsent(now: number): void {
    for (const client of this.#clients) {
      // One that is being opened has its message with it.
      if (client.heardAt === Infinity) continue;
      const before = client.unsent(this.#from);
      const dropped = client.dropUnsent();
      if (dropped === 0) continue;
      this.#waiting -= dropped;
      this.#phases[1].sent -= before - client.unsent(this.#from);
      this.#droppedAt = now;
    }
    this.#settleIfDone();
  }

  /** Takes back the messages that a client has never sent; returns how many. */
  #discountUnsent(client: Client): number {
    const unsent = client.unsent(this.#from);
    this.#phases[1].sent -= unsent;
    return unsent;
  }

  /** Lets so many messages be sent in the place of those that never were. */
  #giveBack(unsent: number): void {
    if (unsent === 0 || this.#stoppedAt < Infinity) return;
    this.#phases[1].left += unsent;
    this.#sending = true;
    this.#allSentAt = Infinity;
  }

  #countNotAwaited(): void {
    for (const client of this.#clients) {
      this.#notAwaited += client.inFlight - client.unsent(-Infinity);
    }
  }

  #finishAll(missing?: "late"): void {
    for (const client of this.#clients) {
      if (client.heardAt === Infinity) {
        if (this.#gaps.isOpen(client.seat)) {
          this.#fail(client, "not open again");
        } else if (client.inFlight > 0 && missing) {
          this.#fail(client, "not connected in time");
        }
      }
      this.#discountUnsent(client);
      client.finish(missing);
    }
    this.#clients.clear();
  }
}
