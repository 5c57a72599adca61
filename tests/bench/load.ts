/**
 * The load generator, for Bun. It prints a line of JSON for each thing measured,
 * and the line `measuring` when a closed loop has warmed up. Every byte that comes
 * back is compared; one that is wrong, or a connection that is lost, ends it with
 * exit code 1.
 *
 * ```
 * bun load.ts load PORT CONNECTIONS SIZE SECONDS   closed loop
 * bun load.ts burst PORT BUSY NEWCOMERS            newcomers beside a closed loop
 * bun load.ts churn PORT PARALLEL SECONDS          connect, echo once, close
 * bun load.ts idle PORT CONNECTIONS SIZE           connect; echo SIZE bytes each at the
 *                                                  first line of input; stay until it ends
 * ```
 */
import { Buffer } from "node:buffer";
import { randomBytes } from "node:crypto";
import process from "node:process";
import { createInterface } from "node:readline";

/** What is used of Bun here. */
declare const Bun: {
  connect(options: {
    hostname: string;
    port: number;
    data: Client;
    socket: {
      data(socket: Socket, chunk: Buffer): void;
      drain(socket: Socket): void;
      close(socket: Socket): void;
      error(socket: Socket, error: Error): void;
    };
  }): Promise<Socket>;
};

interface Socket {
  readonly data: Client;
  /** Returns how many bytes it took. */
  write(bytes: Buffer, offset: number, length: number): number;
  setNoDelay(on: boolean): boolean;
  end(): void;
}

/** The seconds before a measurement. */
const WARM_UP = 0.5;
/** How many connections are opened, or echo a burst, at the same time. */
const AT_ONCE = 100;
/** After how many bytes what is sent repeats itself: a prime number. */
const PERIOD = 65_521;

const [mode = "", ...numbers] = process.argv.slice(2);
const [port = 0, count = 0, third = 0, seconds = 0] = numbers.map(Number);
const size = mode === "load" || mode === "idle" ? third : 64;

const period = randomBytes(PERIOD);
const pattern = Buffer.alloc(PERIOD + size);
for (let at = 0; at < pattern.length; at += PERIOD) period.copy(pattern, at);

/** Ends the program: figures of a server that fails mean nothing. */
function fail(message: string): never {
  console.error(message);
  process.exit(1);
}

/** One connection, which sends a message and waits for its echo. */
class Client {
  /** When the message was begun to be sent. */
  sentAt = 0;
  /** How many messages have come back since the measurement began. */
  messages = 0;
  /** Whether it was closed on this side. */
  closed = false;
  readonly #onEcho: (client: Client) => void;
  #socket: Socket | undefined;
  /** Where in the pattern the message begins: elsewhere for every client. */
  #start = Math.floor(Math.random() * PERIOD);
  #unsent = 0;
  #received = 0;

  constructor(onEcho: (client: Client) => void) {
    this.#onEcho = onEcho;
  }

  async connect(): Promise<void> {
    this.#socket = await Bun.connect({
      hostname: "127.0.0.1",
      port,
      data: this,
      socket: handlers,
    });
    this.#socket.setNoDelay(true);
  }

  send(): void {
    this.#received = 0;
    this.#unsent = size;
    this.sentAt = performance.now();
    this.flush();
  }

  flush(): void {
    if (this.#unsent === 0 || !this.#socket) return;
    const at = this.#start + size - this.#unsent;
    const taken = this.#socket.write(pattern, at, this.#unsent);
    if (taken > 0) this.#unsent -= taken;
  }

  receive(chunk: Buffer): void {
    const from = this.#start + this.#received;
    const to = from + chunk.length;
    this.#received += chunk.length;
    if (
      this.#received > size - this.#unsent ||
      pattern.compare(chunk, 0, chunk.length, from, to) !== 0
    ) {
      fail("An echo has come back wrong");
    }
    if (this.#received === size) {
      this.#start = (this.#start + size) % PERIOD;
      this.#onEcho(this);
    }
  }

  close(): void {
    this.closed = true;
    this.#socket?.end();
  }
}

const handlers = {
  data: (socket: Socket, chunk: Buffer) => socket.data.receive(chunk),
  drain: (socket: Socket) => socket.data.flush(),
  close(socket: Socket) {
    if (!socket.data.closed) fail("A connection was lost");
  },
  error(_: Socket, error: Error) {
    fail(error.message);
  },
};

/** The times that messages took, in microseconds. */
class Latencies {
  readonly #times = new Float32Array(1 << 22);
  #count = 0;

  add(milliseconds: number): void {
    // What is beyond the array's end is lost.
    this.#times[this.#count++] = milliseconds * 1000;
  }

  clear(): void {
    this.#count = 0;
  }

  summary(): { p50: number; p99: number; p999: number; max: number } {
    const sorted = this.#times.subarray(0, this.#count).sort();
    const at = (share: number) =>
      sorted[Math.floor(share * (sorted.length - 1))] ?? 0;
    return { p50: at(0.5), p99: at(0.99), p999: at(0.999), max: at(1) };
  }
}

function sleep(seconds: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, seconds * 1000));
}

/** Does something with each of many, a few at the same time. */
async function forEach<T>(
  all: readonly T[],
  act: (one: T) => Promise<void>,
): Promise<void> {
  const rest = all.values();
  async function work() {
    for (const one of rest) await act(one);
  }
  await Promise.all(Array.from({ length: AT_ONCE }, work));
}

async function connect(
  count: number,
  onEcho: (client: Client) => void,
): Promise<Client[]> {
  const clients = Array.from({ length: count }, () => new Client(onEcho));
  await forEach(clients, (client) => client.connect());
  return clients;
}

function print(result: object): void {
  console.log(JSON.stringify(result));
}

async function load(): Promise<void> {
  const latencies = new Latencies();
  const clients = await connect(count, (client) => {
    latencies.add(performance.now() - client.sentAt);
    client.messages++;
    client.send();
  });
  clients.forEach((client) => client.send());
  await sleep(WARM_UP);

  console.log("measuring");
  clients.forEach((client) => client.messages = 0);
  latencies.clear();
  const start = performance.now();
  await sleep(seconds);
  const end = performance.now();
  const messages = clients.map((client) => client.messages);
  print({
    seconds: (end - start) / 1000,
    messages: messages.reduce((sum, some) => sum + some, 0),
    least: Math.min(...messages),
    most: Math.max(...messages),
    none: messages.filter((some) => some === 0).length,
    ...latencies.summary(),
  });
}

async function burst(): Promise<void> {
  const busy = await connect(count, (client) => client.send());
  busy.forEach((client) => client.send());
  await sleep(WARM_UP);

  const latencies = new Latencies();
  const start = performance.now();
  await Promise.all(Array.from({ length: third }, async () => {
    const first = Promise.withResolvers<void>();
    const newcomer = new Client(() => first.resolve());
    await newcomer.connect();
    newcomer.send();
    await first.promise;
    latencies.add(performance.now() - start);
  }));
  print(latencies.summary());
}

async function churn(): Promise<void> {
  const start = performance.now();
  const end = start + third * 1000;
  let connections = 0;
  await Promise.all(Array.from({ length: count }, async () => {
    while (performance.now() < end) {
      const echoed = Promise.withResolvers<void>();
      const client = new Client(() => echoed.resolve());
      await client.connect();
      client.send();
      await echoed.promise;
      client.close();
      connections++;
    }
  }));
  print({ connections, seconds: (performance.now() - start) / 1000 });
}

async function idle(): Promise<void> {
  const echoes = new Map<Client, () => void>();
  const clients = await connect(count, (client) => echoes.get(client)?.());
  print({});
  for await (const _ of createInterface({ input: process.stdin })) {
    await forEach(clients, (client) => {
      client.send();
      return new Promise((resolve) => echoes.set(client, resolve));
    });
    print({});
  }
}

const modes: Record<string, () => Promise<void>> = { load, burst, churn, idle };
await modes[mode]?.();
process.exit();
