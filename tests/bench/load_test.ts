import { Load } from "../../src/bench/load.ts";
import type { LoadOptions, Tally } from "../../src/bench/loader.ts";
import type {
  Connector,
  Socket,
  SocketHandler,
} from "../../src/runtimes/connector.ts";
import { TimeoutError } from "../../src/runtimes/timeout.ts";
import { assert, assertEquals, assertRejects } from "../helpers/assert.ts";
import { loadOptions } from "../helpers/load_options.ts";
import { FakeClock } from "../helpers/fake_clock.ts";
import { FAULTS, type Server } from "../helpers/faulty.ts";
import { systemError } from "../helpers/memory.ts";

/** An echo server without a network, in which anything can go wrong. */
class MemoryServer implements Connector {
  readonly sockets: MemorySocket[] = [];
  /** How each connection is treated, by default well. */
  makeServer: () => Server = FAULTS["none"] ?? (() => () => null);
  /** How many bytes a `write` takes at most. */
  largestWrite = Infinity;
  /** Whether nothing is sent back for now. */
  stalled = false;
  /** What `connect` fails with, or how long it takes. */
  refuse: (attempt: number) => Error | number = () => 0;
  #attempts = 0;

  async connect(_: unknown, handler: SocketHandler): Promise<Socket> {
    const refused = this.refuse(++this.#attempts);
    if (refused instanceof Error) throw refused;
    if (refused > 0) {
      await new Promise((resolve) => setTimeout(resolve, refused));
    }
    const socket = new MemorySocket(this, handler, this.makeServer());
    this.sockets.push(socket);
    return socket;
  }
}

class MemorySocket implements Socket {
  readonly remoteAddress = "192.0.2.1";
  /** The sizes of the messages, or their parts, that have come here. */
  readonly written: number[] = [];
  closed = false;
  handler: SocketHandler;
  readonly #owner: MemoryServer;
  readonly #server: Server;
  #position = 0;
  #unsent: number[] = [];

  constructor(owner: MemoryServer, handler: SocketHandler, server: Server) {
    this.#owner = owner;
    this.handler = handler;
    this.#server = server;
  }

  write(bytes: Uint8Array, from: number, to: number): number {
    const count = Math.min(to - from, this.#owner.largestWrite);
    this.written.push(count);
    const echo: (number[] | null)[] = [];
    for (const byte of bytes.subarray(from, from + count)) {
      echo.push(this.#server(byte, this.#position++));
    }
    setImmediate(() => this.#echo(echo, count < to - from));
    return count;
  }

  close(): void {
    assert(!this.closed);
    this.closed = true;
  }

  /** Sends back what has been held back. */
  flush(): void {
    const bytes = Uint8Array.from(this.#unsent);
    this.#unsent = [];
    if (bytes.length > 0 && !this.closed) {
      this.handler.onData(bytes, bytes.length);
    }
  }

  #echo(echo: (number[] | null)[], full: boolean): void {
    if (this.closed) return;
    this.#unsent.push(...echo.flatMap((bytes) => bytes ?? []));
    if (!this.#owner.stalled) this.flush();
    if (echo.includes(null)) this.handler.onEnd();
    else if (full) this.handler.onDrain();
  }
}

const UDP = { transport: "udp", hostname: "192.0.2.1", port: 7 } as const;

/** A load of one connection, and what it records. */
function createLoad(server: Connector, options: Partial<LoadOptions> = {}) {
  const latencies: number[] = [];
  const load = new Load(server, loadOptions(options), (phase, total) => {
    if (phase === 1) latencies.push(total);
  });
  return { load, latencies };
}

/** Runs it until there is nothing left to send. */
async function run(load: Load): Promise<void> {
  await load.open();
  load.count();
  load.start();
  await load.exhausted;
  await load.stop();
}

/** What went wrong, without counting. */
function faultsOf(load: Load): object[] {
  return [...load.faults.first.values()];
}

Deno.test("Load sends as many messages as it is to, and counts their echoes", async () => {
  const server = new MemoryServer();
  const { load, latencies } = createLoad(server, { connections: 3 });
  await run(load);
  const { messages, bytes, least, most, seconds } = load.tally();
  assertEquals([messages, bytes], [100, 6_400]);
  assertEquals([least, most], [33, 34]);
  assert(seconds > 0);
  assertEquals(latencies.length, 100);
  assertEquals(faultsOf(load), []);
  const sent = server.sockets.flatMap(({ written }) => written);
  assertEquals(sent, Array(100).fill(64));
  assert(server.sockets.every(({ closed }) => closed));
});

Deno.test("Load counts nothing of its warm-up", async () => {
  using clock = new FakeClock();
  const server = new MemoryServer();
  const { load, latencies } = createLoad(server, { messages: 3 });
  await load.open();
  load.start();
  for (let i = 0; i < 10; i++) {
    await clock.advance(10);
    clock.turn();
  }
  assertEquals(load.tally().messages, 0);
  await clock.advance(5);
  load.count();
  // The one that was under way before is not counted.
  for (let i = 0; i < 4; i++) {
    await clock.advance(10);
    clock.turn();
  }
  await load.exhausted;
  await load.stop();
  const { messages, seconds } = load.tally();
  assertEquals([messages, seconds], [3, 0.04]);
  assertEquals(latencies, [10, 10, 10]);
});

Deno.test("Load keeps as many messages in flight as its window has", async () => {
  using clock = new FakeClock();
  const server = new MemoryServer();
  server.stalled = true;
  const { load } = createLoad(server, { window: 4, messages: 10 });
  await load.open();
  load.count();
  load.start();
  const sent = () => server.sockets[0]?.written.length;
  assertEquals(sent(), 4);
  clock.turn();
  assertEquals(sent(), 4);
  server.sockets[0]?.flush();
  assertEquals(sent(), 8);
  server.stalled = false;
  clock.turn();
  clock.turn();
  await load.stop();
  assertEquals([sent(), load.tally().messages], [10, 10]);
});

Deno.test("Load sends messages of random sizes", async () => {
  const server = new MemoryServer();
  const { load } = createLoad(server, { size: [10, 12], messages: 200 });
  await run(load);
  const sizes = server.sockets.flatMap(({ written }) => written);
  assertEquals([...new Set(sizes)].toSorted(), [10, 11, 12]);
  assertEquals(load.tally().bytes, sizes.reduce((a, b) => a + b));
});

Deno.test("Load sends the rest of a message when there is room again", async () => {
  const server = new MemoryServer();
  server.largestWrite = 1_000;
  const size = 600_000;
  const { load } = createLoad(server, { size: [size, size], messages: 2 });
  await run(load);
  assertEquals([load.tally().bytes, faultsOf(load)], [2 * size, []]);
});

Deno.test("Load goes on over what a server does wrong", async () => {
  for (const kind of ["altered", "dropped", "inserted"]) {
    const server = new MemoryServer();
    server.makeServer = FAULTS[kind] ?? server.makeServer;
    const { load } = createLoad(server);
    await run(load);
    // One that lacks a byte has not come back.
    assertEquals(load.tally().messages, kind === "dropped" ? 99 : 100);
    assertEquals([...load.faults.counts.keys()], [kind]);
  }
});

Deno.test("Load knows the bytes of another connection", async () => {
  const server = new MemoryServer();
  const { load } = createLoad(server, { connections: 2, messages: 2 });
  await load.open();
  const [one, other] = server.sockets;
  assert(one && other);
  [one.handler, other.handler] = [other.handler, one.handler];
  load.count();
  load.start();
  await load.exhausted;
  await load.stop();
  assertEquals([...load.faults.counts.keys()], ["altered"]);
  // A few may be right by chance.
  assert(load.faults.total > 100);
});

Deno.test("Load tells what is missing when the server ends the connection", async () => {
  const server = new MemoryServer();
  server.makeServer = FAULTS["truncated"] ?? server.makeServer;
  const { load } = createLoad(server);
  await run(load);
  assertEquals(faultsOf(load), [
    { kind: "truncated", connection: 1, offset: 1_000, count: 24 },
  ]);
});

Deno.test("Load tells of a connection that fails, and goes on with the others", async () => {
  const server = new MemoryServer();
  const { load } = createLoad(server, { connections: 2, messages: Infinity });
  await load.open();
  load.start();
  server.sockets[0]?.handler.onEnd(systemError("ECONNRESET"));
  assertEquals(faultsOf(load), [{
    kind: "failed",
    connection: 1,
    offset: 64,
    count: 1,
    reason: "connection reset by the server",
  }]);
  const sent = server.sockets[1]?.written;
  while (sent && sent.length < 10) await new Promise(setImmediate);
  server.sockets[1]?.handler.onEnd();
  // Now there is none left.
  await load.exhausted;
  await load.stop();
  assertEquals(load.faults.total, 1 + 64);
});

Deno.test("Load tells of a connection that the server ends between messages", async () => {
  using _clock = new FakeClock();
  const server = new MemoryServer();
  const { load } = createLoad(server, { rate: 1 });
  await load.open();
  load.start();
  const [socket] = server.sockets;
  assert(socket);
  _clock.turn();
  socket.handler.onEnd();
  await load.exhausted;
  await load.stop();
  assertEquals(faultsOf(load), [{
    kind: "failed",
    connection: 1,
    offset: 64,
    count: 1,
    reason: "ended by the server",
  }]);
});

Deno.test("Load tells of a connection that the server ends before the first message", async () => {
  using clock = new FakeClock();
  const server = new MemoryServer();
  const { load } = createLoad(server, { connections: 2, messages: 10 });
  await load.open();
  server.sockets[0]?.handler.onEnd();
  load.count();
  load.start();
  clock.turn();
  for (let turn = 0; turn < 10; turn++) clock.turn();
  assertEquals(await load.exhausted, "all sent");
  await load.stop();
  assertEquals(load.tally().messages, 10);
  assertEquals(faultsOf(load), [{
    kind: "failed",
    connection: 1,
    offset: 0,
    count: 1,
    reason: "ended by the server",
  }]);
});

Deno.test("Load does without the connections that cannot be opened", async () => {
  const server = new MemoryServer();
  server.refuse = (attempt) => attempt === 2 ? systemError("EMFILE") : 0;
  const { load } = createLoad(server, { connections: 3 });
  await run(load);
  assertEquals(load.tally().messages, 100);
  assertEquals(faultsOf(load), [{
    kind: "failed",
    connection: 2,
    offset: 0,
    count: 1,
    reason: "too many open files (ulimit -n)",
  }]);
});

Deno.test("Load rejects when no connection can be opened", async () => {
  const server = new MemoryServer();
  server.refuse = () => systemError("ECONNREFUSED");
  const { load } = createLoad(server, { connections: 3 });
  await assertRejects(() => load.open(), Error, "connection refused");
  await load.stop();
});

Deno.test("Load waits for echoes at the end while some come, and no longer", async () => {
  using clock = new FakeClock();
  const server = new MemoryServer();
  const { load } = createLoad(server, {
    connections: 2,
    messages: Infinity,
    drain: 60_000,
  });
  await load.open();
  load.count();
  server.stalled = true;
  load.start();
  clock.turn();
  const stopped = load.stop();
  await clock.advance(4_000);
  server.sockets[0]?.flush();
  await clock.advance(4_000);
  assertEquals(faultsOf(load), []);
  await clock.advance(2_000);
  await stopped;
  assertEquals(load.tally().messages, 1);
  assertEquals(load.tally().seconds, 4);
  assertEquals(faultsOf(load), [
    { kind: "late", connection: 2, offset: 0, count: 64 },
  ]);
  assertEquals(clock.timers, 0);
});

/** Runs for 300 ms against a server that stalls for the second 100 of them. */
async function stall(rate?: number): Promise<number[]> {
  using clock = new FakeClock();
  const server = new MemoryServer();
  const { load, latencies } = createLoad(server, {
    connections: 2,
    messages: Infinity,
    rate,
  });
  await load.open();
  load.count();
  load.start();
  for (let ms = 0; ms < 300; ms++) {
    server.stalled = ms >= 100 && ms < 200;
    await clock.advance(1);
    if (ms === 200) server.sockets.forEach((socket) => socket.flush());
    clock.turn();
  }
  const stopped = load.stop();
  clock.turn();
  await stopped;
  assertEquals(faultsOf(load), []);
  return latencies;
}

Deno.test("A load with a rate shows how long a server has stalled", async () => {
  const latencies = await stall(1_000);
  const long = (ms: number) => latencies.filter((one) => one >= ms).length;
  assertEquals(latencies.length, 301);
  // All who should have been served meanwhile have waited.
  assertEquals([long(2), long(51), long(91)], [100, 51, 11]);
  assert(Math.max(...latencies) >= 100);
});

Deno.test("A load without a rate waits with the server", async () => {
  const latencies = await stall();
  assertEquals(latencies.filter((one) => one >= 2).length, 2);
});

Deno.test("Load has a new connection for every message, timed from the beginning", async () => {
  using clock = new FakeClock();
  const server = new MemoryServer();
  server.refuse = (attempt) => attempt > 1 ? 30 : 0;
  const { load, latencies } = createLoad(server, {
    connections: 2,
    messages: 4,
    churn: true,
  });
  await load.open();
  load.count();
  load.start();
  for (let i = 0; i < 20; i++) {
    await clock.advance(5);
    clock.turn();
  }
  await load.exhausted;
  await load.stop();
  assertEquals(latencies, [30, 30, 30, 30]);
  // One more has found out whether there is a server.
  assertEquals(server.sockets.map(({ written }) => written.length), [
    0,
    1,
    1,
    1,
    1,
  ]);
  assert(server.sockets.every(({ closed }) => closed));
});

Deno.test("Load gives a datagram up after a second, and goes on", async () => {
  using clock = new FakeClock();
  const server = new MemoryServer();
  server.makeServer = () => (byte, at) => at >= 64 && at < 128 ? [] : [byte];
  const { load } = createLoad(server, {
    addr: { transport: "udp", hostname: "192.0.2.1", port: 7 },
    messages: 4,
  });
  await load.open();
  load.count();
  load.start();
  clock.turn();
  clock.turn();
  await clock.advance(1_000);
  assertEquals(server.sockets[0]?.written.length, 2);
  await clock.advance(200);
  clock.turn();
  clock.turn();
  await load.exhausted;
  await load.stop();
  const { messages, lost } = load.tally();
  assertEquals([messages, lost, faultsOf(load)], [3, 1, []]);
});

Deno.test("Load counts no message that is dropped from a stream", async () => {
  for (const options of [{ window: 4 }, { rate: 2_000 }]) {
    const server = new MemoryServer();
    server.makeServer = () => (byte, at) =>
      (at / 64 | 0) % 50 === 25 ? [] : [byte];
    const { load, latencies } = createLoad(server, {
      messages: 601,
      ...options,
    });
    await run(load);
    const { messages, bytes, sent } = load.tally();
    assertEquals([sent, messages, bytes], [601, 589, 589 * 64]);
    assertEquals(latencies.length, 589);
    assertEquals([...load.faults.counts], [["dropped", 12 * 64]]);
  }
});

Deno.test("Load does not count as sent what has never left", async () => {
  using clock = new FakeClock();
  const server = new MemoryServer();
  server.largestWrite = 0;
  const { load } = createLoad(server, {
    messages: Infinity,
    rate: 1_000,
    duration: 100,
    drain: 1_000,
  });
  await load.open();
  load.count();
  load.start();
  for (let ms = 0; ms < 100; ms++) await clock.advance(1);
  const stopped = load.stop();
  await clock.advance(1_200);
  await stopped;
  const { sent, unsent } = load.tally();
  assertEquals([sent, unsent, faultsOf(load)], [0, 100, []]);
});

Deno.test("Load does not end while its last message is still being sent", async () => {
  using clock = new FakeClock();
  // It has room for 16 bytes every 400 ms.
  const connector: Connector = {
    connect: (_, handler) =>
      Promise.resolve({
        write(bytes, from) {
          setTimeout(() => {
            handler.onData(bytes.subarray(from, from + 16), 16);
            handler.onDrain();
          }, 400);
          return 16;
        },
        close() {},
      }),
  };
  const load = new Load(
    connector,
    loadOptions({ messages: 1, drain: 1_000 }),
    () => {},
  );
  const running = run(load);
  await clock.advance(2_000);
  await running;
  assertEquals([load.tally().messages, faultsOf(load)], [1, []]);
  assertEquals(clock.timers, 0);
});

Deno.test("Load does not go on sending once it is stopped", async () => {
  for (const addr of [UDP, loadOptions().addr]) {
    using clock = new FakeClock();
    // It takes a message every 100 ms.
    const connector: Connector = {
      connect: (_, handler) => {
        let isFull = false;
        return Promise.resolve({
          write(bytes, from) {
            if (isFull) return 0;
            isFull = true;
            setTimeout(() => {
              isFull = false;
              handler.onData(bytes.subarray(from, from + 64), 64);
              handler.onDrain();
            }, 100);
            return 64;
          },
          close() {},
        });
      },
    };
    const load = new Load(
      connector,
      loadOptions({ addr, messages: Infinity, rate: 100, duration: 1_000 }),
      () => {},
    );
    await load.open();
    load.count();
    load.start();
    await go(clock, 1_000);
    const stoppedAt = clock.now;
    const stopped = load.stop().then(() => clock.now);
    await go(clock, 500);
    assert(await stopped - stoppedAt <= 200);
    const { sent, messages, sentRate, unsent } = load.tally();
    assertEquals([messages, sent + unsent, faultsOf(load)], [sent, 100, []]);
    assert(sent <= 12 && Math.round(sentRate) <= 11, `${sent}, ${sentRate}`);
    // A server that takes no more is no limit of this side.
    assertEquals(load.tally().overdue, addr === UDP ? unsent : 0);
    assertEquals(clock.timers, 0);
  }
});

Deno.test("Load waits no longer at the end than it is told to, or until it is hurried", async () => {
  for (const isHurried of [false, true]) {
    using clock = new FakeClock();
    const server = new MemoryServer();
    const { load } = createLoad(server, {
      connections: 2,
      messages: Infinity,
      drain: 3_000,
    });
    await load.open();
    load.count();
    server.stalled = true;
    load.start();
    clock.turn();
    let ended = 0;
    const stopped = load.stop().then(() => ended = clock.now);
    await clock.advance(2_000);
    server.sockets[0]?.flush();
    if (isHurried) load.hurry();
    await clock.advance(2_000);
    await stopped;
    assertEquals(ended, isHurried ? 2_000 : 3_000);
    // Where the user has waited no longer, that is no fault of the server.
    const late = { kind: "late", connection: 2, offset: 0, count: 64 };
    assertEquals(faultsOf(load), isHurried ? [] : [late]);
    assertEquals(load.tally().notAwaited, isHurried ? 1 : 0);
    assertEquals(clock.timers, 0);
  }
});

Deno.test("Load that is hurried blames nobody for what is still under way", async () => {
  const cases = [
    [{ addr: UDP }, 2],
    [{ rate: 100 }, 3],
    [{ churn: true }, 1],
  ] as const;
  for (const [options, count] of cases) {
    using clock = new FakeClock();
    const server = new MemoryServer();
    server.stalled = true;
    // With churn, one has not been sent, as its connection is not open yet.
    server.refuse = (attempt) => attempt === 3 ? 60_000 : 0;
    const { load } = createLoad(server, {
      connections: 2,
      messages: Infinity,
      ...options,
    });
    await load.open();
    load.count();
    load.start();
    await clock.advance(20);
    const stopped = load.stop();
    load.hurry();
    await stopped;
    const { notAwaited, lost } = load.tally();
    assertEquals([notAwaited, lost, faultsOf(load)], [count, 0, []]);
  }
});

Deno.test("Load that counts messages ends when nothing comes back for 5 s", async () => {
  for (const options of [{}, { churn: true }, { rate: 1_000 }]) {
    using clock = new FakeClock();
    const server = new MemoryServer();
    server.stalled = true;
    const { load } = createLoad(server, { messages: 10_000, ...options });
    await load.open();
    load.count();
    load.start();
    let ending = "";
    load.exhausted.then((one) => ending = one);
    for (let ms = 0; ms < 4_900; ms += 100) {
      await clock.advance(100);
      clock.turn();
    }
    assertEquals(ending, "");
    await clock.advance(200);
    assertEquals(ending, "nothing came back for 5 s");
    await load.stop();
    assertEquals([...load.faults.counts.keys()], ["late"]);
    assertEquals(clock.timers, 0);
  }
});

Deno.test("Load ends for want of connections, and says so", async () => {
  const server = new MemoryServer();
  const { load } = createLoad(server, { connections: 1 });
  await load.open();
  load.start();
  server.sockets[0]?.handler.onEnd(systemError("ECONNRESET"));
  assertEquals(await load.exhausted, "no connection left");
  await load.stop();
});

Deno.test("Load fills the slot of a connection that fails, again and again", async () => {
  using clock = new FakeClock();
  const server = new MemoryServer();
  // Every second one is refused, and then one that is open is reset.
  server.refuse = (attempt) =>
    attempt > 1 && attempt % 2 === 0 ? systemError("ECONNRESET") : 0;
  const { load } = createLoad(server, {
    connections: 2,
    messages: 20,
    churn: true,
  });
  await load.open();
  load.count();
  load.start();
  let isOver = false;
  load.exhausted.then(() => isOver = true);
  for (let i = 0; i < 200 && !isOver; i++) {
    await clock.advance(1);
    clock.turn();
  }
  assert(isOver);
  const stopped = load.stop();
  await clock.advance(1);
  clock.turn();
  await stopped;
  assertEquals(load.tally().messages, 10);
  assertEquals(load.faults.counts.get("failed"), 10);
  assertEquals(clock.timers, 0);
});

Deno.test("Load fills the slot of a connection that was reset", async () => {
  using clock = new FakeClock();
  const server = new MemoryServer();
  const { load } = createLoad(server, { messages: 2, churn: true });
  await load.open();
  load.count();
  load.start();
  await clock.advance(0);
  server.sockets[1]?.handler.onEnd(systemError("ECONNRESET"));
  await clock.advance(5);
  clock.turn();
  assertEquals(await load.exhausted, "all sent");
  await load.stop();
  assertEquals([load.tally().messages, load.faults.total], [1, 1]);
});

Deno.test("Load gives up a churned connection that is silent, and goes on", async () => {
  using clock = new FakeClock();
  const server = new MemoryServer();
  server.stalled = true;
  const { load } = createLoad(server, {
    connections: 1,
    messages: Infinity,
    churn: true,
  });
  await load.open();
  load.count();
  load.start();
  await clock.advance(4_900);
  clock.turn();
  assertEquals(server.sockets.length, 2);
  server.stalled = false;
  await clock.advance(200);
  clock.turn();
  assert(load.tally().messages > 0);
  load.hurry();
  await load.stop();
  assertEquals(load.faults.counts.get("late"), 64);
});

Deno.test("Load with churn times a message to its last byte", async () => {
  using clock = new FakeClock();
  const server = new MemoryServer();
  server.stalled = true;
  const { load, latencies } = createLoad(server, { messages: 1, churn: true });
  await load.open();
  load.count();
  load.start();
  await clock.advance(0);
  const socket = server.sockets[1];
  assert(socket);
  clock.turn();
  const { handler } = socket;
  await clock.advance(1);
  const onData = handler.onData.bind(handler);
  // The echo comes in two parts.
  const parts: Uint8Array[] = [];
  socket.handler = { ...handler, onData: (chunk) => void parts.push(chunk) };
  socket.flush();
  const [echo] = parts;
  assert(echo);
  onData(echo, 1);
  await clock.advance(199);
  onData(echo.subarray(1), echo.length - 1);
  await load.stop();
  assertEquals(latencies, [200]);
});

/** What is told of a server that echoes 500 messages/s, whatever it is sent. */
async function overload(): Promise<Tally> {
  using clock = new FakeClock();
  const waiting: (() => void)[] = [];
  const connector: Connector = {
    connect: (_, handler) =>
      Promise.resolve({
        write(bytes, from, to) {
          waiting.push(() =>
            handler.onData(bytes.subarray(from, to), to - from)
          );
          return to - from;
        },
        close() {},
      }),
  };
  const options = loadOptions({
    messages: Infinity,
    rate: 2_000,
    duration: 1_000,
    drain: 500,
  });
  const load = new Load(connector, options, () => {});
  await load.open();
  load.start();
  for (let ms = 0; ms < 2_000; ms += 2) {
    if (ms === 1_000) load.count();
    await clock.advance(2);
    clock.turn();
    waiting.shift()?.();
  }
  const stopped = load.stop();
  for (let ms = 0; ms < 600; ms += 2) {
    await clock.advance(2);
    waiting.shift()?.();
  }
  await stopped;
  // While there is the clock by which it was measured.
  return load.tally();
}

Deno.test("Load tells the rate of an overloaded server, after a warm-up too", async () => {
  const { echoed, seconds, sent, sentRate, unsent } = await overload();
  assertEquals(Math.round(echoed / seconds), 500);
  assertEquals([sent, Math.round(sentRate), unsent], [2_000, 2_000, 0]);
});

Deno.test("Load tells how late it has sent, beside the whole", async () => {
  using clock = new FakeClock();
  const server = new MemoryServer();
  const recorded: number[][] = [];
  const { load } = createLoad(server);
  await load.stop();
  const options = loadOptions({
    messages: 2,
    rate: 100,
  });
  const late = new Load(
    server,
    options,
    (phase, total, late) => void recorded.push([phase, total, late]),
  );
  await late.open();
  late.count();
  late.start();
  await clock.advance(1);
  clock.turn();
  // The client is held up for 4 ms beyond the time of the second one.
  clock.now = 14;
  await clock.advance(0);
  clock.turn();
  clock.now = 17;
  clock.turn();
  await late.exhausted;
  await late.stop();
  assertEquals(recorded, [[1, 1, 0], [1, 7, 4]]);
});

Deno.test("Load sends as many as a rate has in its time, and counts those it could not", async () => {
  for (const [rate, sends] of [[2, 4], [3, 6], [7, 14]] as const) {
    using clock = new FakeClock();
    const server = new MemoryServer();
    const { load } = createLoad(server, {
      messages: Infinity,
      rate,
      duration: 2_000,
    });
    await load.open();
    load.count();
    load.start();
    // As the clock stands still while it waits awake, go on by its timers.
    while (await clock.next(2_002) || clock.now < 2_002) {
      clock.turn();
      clock.now += 0.5;
    }
    const stopped = load.stop();
    clock.turn();
    await stopped;
    const { sent, unsent } = load.tally();
    assertEquals([sent, unsent], [sends, 0]);
  }
});

Deno.test("Load never sends at more than its rate, however soon it ends", async () => {
  using clock = new FakeClock();
  const { load } = createLoad(new MemoryServer(), {
    messages: Infinity,
    rate: 100,
  });
  await load.open();
  load.count();
  load.start();
  await go(clock, 12);
  await load.stop();
  const { sent, sentRate, unsent } = load.tally();
  assertEquals([sent, sentRate, unsent], [2, 100, 0]);
});

Deno.test("Load tells the rate of a number of messages, however late it is stopped", async () => {
  for (const messages of [1, 10]) {
    using clock = new FakeClock();
    const { load } = createLoad(new MemoryServer(), { messages, rate: 100 });
    await load.open();
    load.count();
    load.start();
    for (let ms = 0; ms < 300; ms++) {
      await clock.advance(1);
      clock.turn();
    }
    assertEquals(await load.exhausted, "all sent");
    await load.stop();
    const { sent, sentRate } = load.tally();
    assertEquals([sent, Math.round(sentRate)], [messages, 100]);
  }
});

Deno.test("Load knows what each connection has done, and how long connecting took", async () => {
  using clock = new FakeClock();
  const server = new MemoryServer();
  server.refuse = (attempt) => attempt * 10;
  const { load } = createLoad(server, {
    connections: 2,
    messages: 300,
    rate: 1_000,
  });
  const opened = load.open();
  await clock.advance(20);
  await opened;
  load.count();
  load.start();
  for (let ms = 0; ms < 300; ms++) {
    await clock.advance(1);
    clock.turn();
  }
  await load.exhausted;
  await load.stop();
  const { connects, each } = load.details();
  assertEquals([connects.count, connects.min, connects.max], [
    2,
    10_000,
    20_000,
  ]);
  const times = { p50Us: 1_000, p99Us: 1_000, jitterUs: null };
  assertEquals(each, [
    { connection: 1, messages: 150, ...times },
    { connection: 2, messages: 150, ...times },
  ]);
});

Deno.test("Load with churn times the attempts that count, and knows no connection", async () => {
  using clock = new FakeClock();
  const server = new MemoryServer();
  server.refuse = (attempt) => attempt <= 2 ? 500 : 30;
  const { load } = createLoad(server, { messages: 2, churn: true });
  const opened = load.open();
  await clock.advance(500);
  await opened;
  load.start();
  await clock.advance(500);
  load.count();
  for (let ms = 0; ms < 100; ms += 10) {
    await clock.advance(10);
    clock.turn();
  }
  await load.exhausted;
  await load.stop();
  const { connects: { count, min, max }, each } = load.details();
  assertEquals([count, min, max, each], [2, 30_000, 30_000, []]);
});

/** Advances a clock, a millisecond and a turn at a time. */
async function go(clock: FakeClock, ms: number): Promise<void> {
  for (let passed = 0; passed < ms; passed++) {
    await clock.advance(1);
    clock.turn();
  }
}

/** Ends all connections of a server; it is back when so much time has passed. */
function restart(server: MemoryServer, clock: FakeClock, ms: number): void {
  const backAt = clock.now + ms;
  server.refuse = () => clock.now < backAt ? systemError("ECONNREFUSED") : 0;
  const open = server.sockets.filter(({ closed }) => !closed);
  for (const socket of open) socket.handler.onEnd(systemError("ECONNRESET"));
}

Deno.test("Load tallies exactly what was sent and what came back", async () => {
  using clock = new FakeClock();
  await clock.advance(5_000);
  const server = new MemoryServer();
  const { load } = createLoad(server, { connections: 2, messages: Infinity });
  await load.open();
  const findings = { lost: 0, unread: 0, duplicated: 0, reordered: 0 };
  const nothing = {
    ...{ seconds: 0, messages: 0, bytes: 0, least: 0, most: 0, echoed: 0 },
    ...{ arrived: 0, arrivedBytes: 0, sent: 0, sentRate: 0, unsent: 0 },
    ...{ notAwaited: 0, stalled: 0, overdue: 0 },
    ...{ pace: 0, ...findings, address: "192.0.2.1" },
  };
  assertEquals(load.tally(), nothing);
  load.start();
  await go(clock, 10);
  const warmup = { ...nothing, arrived: 20, arrivedBytes: 1_280 };
  assertEquals(load.tally(), warmup);
  await clock.advance(0.5);
  load.count();
  await go(clock, 100);
  const counted = {
    ...warmup,
    ...{ seconds: 0.1, messages: 198, bytes: 12_672, least: 99, most: 99 },
    ...{ echoed: 200, arrived: 220, arrivedBytes: 14_080 },
    ...{ sent: 200, sentRate: 2_000 },
    // Two came back 1 ms after they were sent, and all others after them.
    pace: 197 / 0.098,
  };
  assertEquals(load.tally(), counted);
  const stopped = load.stop();
  await go(clock, 10);
  await stopped;
  assertEquals(load.tally(), {
    ...counted,
    ...{ seconds: 0.101, messages: 200, bytes: 12_800, least: 100, most: 100 },
    ...{ echoed: 202, arrived: 222, arrivedBytes: 14_208 },
  });
});

Deno.test("Load with churn has one message for each connection that counts", async () => {
  const server = new MemoryServer();
  const { load } = createLoad(server, { messages: 5, churn: true });
  const { least, most } = load.tally();
  assertEquals([least, most], [0, 0]);
  await run(load);
  const after = load.tally();
  assertEquals([after.messages, after.least, after.most], [5, 1, 1]);
});

Deno.test("Load with nothing to send ends at once, also after a warm-up", async () => {
  using clock = new FakeClock();
  for (const warmup of [0, 10]) {
    const server = new MemoryServer();
    const { load } = createLoad(server, { messages: 0, rate: 1_000 });
    await load.open();
    if (warmup > 0) {
      load.start();
      await go(clock, warmup);
    }
    load.count();
    if (warmup === 0) load.start();
    await go(clock, 10);
    assertEquals(await load.exhausted, "all sent");
    await load.stop();
    const { sent, unsent, arrived } = load.tally();
    assertEquals([sent, unsent, arrived], [0, 0, 0]);
  }
});

Deno.test("Load opens 100 connections at the same time, and no more once it is stopped", async () => {
  using clock = new FakeClock();
  const server = new MemoryServer();
  let attempts = 0;
  server.refuse = () => (attempts++, 50);
  const { load } = createLoad(server, { connections: 250 });
  const opened = load.open().catch(() => {});
  await clock.advance(49);
  assertEquals(attempts, 100);
  await clock.advance(50);
  assertEquals([attempts, server.sockets.length], [200, 100]);
  await load.stop();
  await clock.advance(1_000);
  assertEquals([attempts, server.sockets.length], [200, 200]);
  assert(server.sockets.every(({ closed }) => closed));
  await opened;
  assertEquals([load.faults.total, clock.timers], [0, 0]);
});

Deno.test("Load opens no more where connecting takes too long, unless it has before", async () => {
  for (const isKnown of [false, true]) {
    const server = new MemoryServer();
    let attempts = 0;
    server.refuse = (attempt) => {
      attempts = attempt;
      return isKnown && attempt === 1 ? 0 : new TimeoutError("no answer", 50);
    };
    const { load } = createLoad(server, { connections: 250 });
    const opened = load.open();
    if (isKnown) await opened;
    else await assertRejects(() => opened, Error, "no answer within 0.05 s");
    assertEquals(attempts, isKnown ? 250 : 100);
    assertEquals(load.faults.total, isKnown ? 249 : 100);
    await load.stop();
  }
});

Deno.test("Load tells of a churned connection that is not open at the end", async () => {
  using clock = new FakeClock();
  const server = new MemoryServer();
  server.refuse = (attempt) => attempt > 1 ? 1_000_000 : 0;
  const { load } = createLoad(server, {
    connections: 2,
    churn: true,
    drain: 500,
  });
  await load.open();
  load.count();
  load.start();
  await clock.advance(100);
  const stopped = load.stop();
  await clock.advance(600);
  await stopped;
  assertEquals(load.tally().sent, 0);
  assertEquals(load.faults.counts.get("failed"), 2);
  assertEquals(
    load.faults.first.get("failed")?.reason,
    "not connected in time",
  );
});

Deno.test("Load with a rate leaves out a connection that is lost", async () => {
  using clock = new FakeClock();
  const server = new MemoryServer();
  const { load } = createLoad(server, {
    connections: 3,
    messages: 10,
    rate: 1_000,
  });
  await load.open();
  load.count();
  load.start();
  server.sockets[1]?.handler.onEnd(systemError("ECONNRESET"));
  await go(clock, 20);
  assertEquals(await load.exhausted, "all sent");
  await load.stop();
  const sent = server.sockets.map(({ written }) => written.length);
  assertEquals([sent[1], (sent[0] ?? 0) + (sent[2] ?? 0)], [0, 10]);
  assertEquals([load.tally().messages, load.faults.total], [10, 1]);
});

Deno.test("Load opens the others where the first are refused", async () => {
  const server = new MemoryServer();
  server.refuse = (attempt) => attempt <= 100 ? systemError("ECONNREFUSED") : 0;
  const { load } = createLoad(server, { connections: 250 });
  await load.open();
  assertEquals(server.sockets.length, 150);
  await load.stop();
});

Deno.test("Load numbers its connections as it is told to", async () => {
  const server = new MemoryServer();
  const { load } = createLoad(server, {
    connections: 3,
    ids: { first: 2, step: 3 },
  });
  await run(load);
  const { each } = load.details();
  assertEquals(each.map(({ connection }) => connection), [2, 5, 8]);
});

Deno.test("Load knows the percentiles and the jitter of each connection", async () => {
  for (const transport of ["tcp", "udp"] as const) {
    using clock = new FakeClock();
    const server = new MemoryServer();
    server.stalled = true;
    const { load } = createLoad(server, {
      addr: { transport, hostname: "192.0.2.1", port: 7 },
    });
    await load.open();
    load.count();
    load.start();
    assertEquals(load.tally().pace, 0);
    for (let ms = 1; ms <= 100; ms++) {
      clock.turn();
      clock.now += ms;
      server.sockets[0]?.flush();
      if (ms === 1) assertEquals(load.tally().pace, 0);
    }
    await load.exhausted;
    await load.stop();
    const [{ p50Us, p99Us, jitterUs } = {}] = load.details().each;
    assert(p50Us && p50Us >= 50_000 && p50Us < 51_000, `${p50Us}`);
    assert(p99Us && p99Us >= 99_000 && p99Us <= 100_000, `${p99Us}`);
    // It has become 1 ms from 0, by a sixteenth of the rest each time.
    const jitter = Math.round(1_000 * (1 - (15 / 16) ** 99));
    assertEquals(
      typeof jitterUs === "number" ? Math.round(jitterUs) : jitterUs,
      transport === "udp" ? jitter : null,
    );
  }
});

Deno.test("Load with churn waits longer after each failure, up to 100 ms, until a message comes back", async () => {
  using clock = new FakeClock();
  const server = new MemoryServer();
  const attempts: number[] = [];
  server.refuse = (attempt) => {
    attempts.push(clock.now);
    return attempt === 1 || attempt === 12 ? 0 : systemError("ECONNREFUSED");
  };
  const { load } = createLoad(server, { messages: Infinity, churn: true });
  await load.open();
  load.count();
  load.start();
  await go(clock, 440);
  await load.stop();
  const waits = attempts.slice(1, 16)
    .map((at, index) => at - (attempts[index] ?? NaN));
  assertEquals(waits, [
    ...[0, 1, 2, 4, 8, 16, 32, 64, 100, 100, 100],
    // After the one that succeeds.
    ...[0, 1, 2, 4],
  ]);
});

Deno.test("Load counts what happens to datagrams from when it counts on", async () => {
  using clock = new FakeClock();
  const server = new MemoryServer();
  const { load } = createLoad(server, {
    addr: UDP,
    messages: Infinity,
    rate: 1_000,
  });
  await load.open();
  load.start();
  /** The server sends what it has sent last once more. */
  const repeat = async () => {
    const [socket] = server.sockets;
    assert(socket);
    const onData = socket.handler.onData.bind(socket.handler);
    const { handler } = socket;
    socket.handler = Object.assign(Object.create(handler), {
      onData(chunk: Uint8Array, count: number) {
        onData(chunk.slice(), count);
        onData(chunk.slice(), count);
      },
    });
    await go(clock, 1);
    socket.handler = handler;
  };
  await go(clock, 10);
  await repeat();
  await go(clock, 10);
  await clock.advance(0.5);
  load.count();
  await go(clock, 10);
  assertEquals(load.tally().duplicated, 0);
  await repeat();
  await go(clock, 10);
  assertEquals(load.tally().duplicated, 1);
  const stopped = load.stop();
  await go(clock, 2);
  await stopped;
});

Deno.test("Load tells once of a connection that ends twice, and does not count what it has never sent", async () => {
  using clock = new FakeClock();
  const server = new MemoryServer();
  server.largestWrite = 0;
  const { load } = createLoad(server, {
    connections: 2,
    messages: Infinity,
    rate: 1_000,
  });
  await load.open();
  load.count();
  load.start();
  await go(clock, 10);
  const [socket] = server.sockets;
  socket?.handler.onEnd(systemError("ECONNRESET"));
  socket?.handler.onEnd(systemError("ECONNRESET"));
  server.sockets[1]?.handler.onEnd(systemError("ECONNRESET"));
  // Nobody is left to send, and it does not hang.
  await go(clock, 10);
  await load.stop();
  const { sent, messages } = load.tally();
  assertEquals([sent, messages, load.faults.total], [0, 0, 2]);
});

Deno.test("Load finds nothing wrong with an end after the last message", async () => {
  const server = new MemoryServer();
  const { load } = createLoad(server);
  await load.open();
  load.count();
  load.start();
  await load.exhausted;
  while (load.tally().messages < 100) await new Promise(setImmediate);
  server.sockets[0]?.handler.onEnd();
  await load.stop();
  assertEquals(faultsOf(load), []);
});

Deno.test("Load with churn does not call slow connecting silence", async () => {
  using clock = new FakeClock();
  const server = new MemoryServer();
  server.refuse = (attempt) => attempt > 1 ? 8_000 : 0;
  const { load } = createLoad(server, { messages: 2, churn: true });
  await load.open();
  load.count();
  load.start();
  let ending = "";
  load.exhausted.then((one) => ending = one);
  for (let ms = 0; ms < 7_900; ms += 100) {
    await clock.advance(100);
    clock.turn();
  }
  assertEquals(ending, "");
  for (let ms = 0; ms < 8_500; ms += 100) {
    await clock.advance(100);
    clock.turn();
  }
  assertEquals(ending, "all sent");
  const stopped = load.stop();
  await clock.advance(500);
  clock.turn();
  await stopped;
  assertEquals([load.tally().messages, faultsOf(load)], [2, []]);
});

Deno.test("Load stops waiting when the last connection is lost, or cannot be opened", async () => {
  for (const churn of [false, true]) {
    using clock = new FakeClock();
    const connecting = Promise.withResolvers<Socket>();
    const server = new MemoryServer();
    server.stalled = true;
    const connector: Connector = {
      connect: (addr, handler) =>
        churn && server.sockets.length > 0
          ? connecting.promise
          : server.connect(addr, handler),
    };
    const { load } = createLoad(connector, { churn, messages: Infinity });
    await load.open();
    load.count();
    load.start();
    clock.turn();
    const stopped = load.stop();
    if (churn) connecting.reject(systemError("ECONNREFUSED"));
    else server.sockets[0]?.handler.onEnd(systemError("ECONNRESET"));
    await stopped;
    assertEquals([clock.now, clock.timers], [0, 0]);
  }
});

Deno.test("Load tells nothing of a connection that fails after it has stopped", async () => {
  using clock = new FakeClock();
  const connecting = Promise.withResolvers<Socket>();
  const server = new MemoryServer();
  const connector: Connector = {
    connect: (addr, handler) =>
      server.sockets.length > 0
        ? connecting.promise
        : server.connect(addr, handler),
  };
  const { load } = createLoad(connector, { churn: true, drain: 100 });
  await load.open();
  load.count();
  load.start();
  const stopped = load.stop();
  await clock.advance(200);
  await stopped;
  const { total } = load.faults;
  connecting.reject(systemError("ECONNREFUSED"));
  await clock.advance(200);
  assertEquals([total, load.faults.total, clock.timers], [1, 1, 0]);
});

Deno.test("Load does not open a connection in the place of one that is lost", async () => {
  using clock = new FakeClock();
  const server = new MemoryServer();
  const { load } = createLoad(server, { connections: 2, messages: Infinity });
  await load.open();
  load.start();
  await go(clock, 5);
  server.sockets[0]?.handler.onEnd(systemError("ECONNRESET"));
  await go(clock, 200);
  load.hurry();
  await load.stop();
  assertEquals(server.sockets.length, 2);
});

Deno.test("Load says that the name of a Unix socket is too long", async () => {
  for (
    const [addr, reason] of [
      [{ transport: "unix", path: "/a" }, "name too long"],
      [{ transport: "tcp", hostname: "::1", port: 7 }, "invalid argument"],
    ] as const
  ) {
    const server = new MemoryServer();
    server.refuse = () => systemError("EINVAL");
    const { load } = createLoad(server, { addr });
    await assertRejects(() => load.open(), Error, reason);
    await load.stop();
  }
});

Deno.test("Load with few messages a second takes no pause for silence", async () => {
  using clock = new FakeClock();
  const server = new MemoryServer();
  const { load } = createLoad(server, { messages: 3, rate: 0.1 });
  await load.open();
  load.count();
  load.start();
  let ending = "";
  load.exhausted.then((one) => ending = one);
  for (let ms = 0; ms < 19_000; ms += 250) {
    await clock.advance(250);
    clock.turn();
  }
  assertEquals([ending, load.tally().messages], ["", 2]);
  await go(clock, 1_100);
  assertEquals(ending, "all sent");
  await load.stop();
});

Deno.test("Load waits as long for datagrams as it is to, before it speaks of silence", async () => {
  using clock = new FakeClock();
  const server = new MemoryServer();
  server.stalled = true;
  const { load } = createLoad(server, { addr: UDP, patience: 8_000 });
  await load.open();
  load.count();
  load.start();
  let ending = "";
  load.exhausted.then((one) => ending = one);
  await clock.advance(7_950);
  assertEquals([ending, load.tally().lost], ["", 0]);
  await clock.advance(150);
  assertEquals([ending, load.tally().lost], ["nothing came back for 8 s", 1]);
  load.hurry();
  await load.stop();
});

Deno.test("Load ends after 5 s of silence, even if one message follows another", async () => {
  for (const options of [{ addr: UDP }, { churn: true }]) {
    using clock = new FakeClock();
    const server = new MemoryServer();
    const { load } = createLoad(server, { ...options, patience: 1_000 });
    await load.open();
    server.stalled = true;
    load.count();
    load.start();
    await go(clock, 5_200);
    assertEquals(await load.exhausted, "nothing came back for 5 s");
    const stopped = load.stop();
    await go(clock, 5_200);
    await stopped;
  }
});

Deno.test("Load calls datagrams lost, not late, however long nothing has come back", async () => {
  using clock = new FakeClock();
  const server = new MemoryServer();
  server.stalled = true;
  const options = { addr: UDP, connections: 2, messages: Infinity };
  const { load } = createLoad(server, options);
  await load.open();
  load.count();
  load.start();
  await go(clock, 6_500);
  const stopped = load.stop();
  await go(clock, 1_200);
  await stopped;
  const { sent, lost } = load.tally();
  assertEquals([lost, faultsOf(load)], [sent, []]);
});

Deno.test("Load that has stood still reads what came meanwhile before it calls it lost", async () => {
  for (const isCheckedFirst of [true, false]) {
    using clock = new FakeClock();
    const server = new MemoryServer();
    // The second datagram is lost.
    server.makeServer = () => (byte, at) => at >= 64 && at < 128 ? [] : [byte];
    const { load } = createLoad(server, { addr: UDP, messages: 3, window: 3 });
    await load.open();
    load.count();
    load.start();
    await clock.advance(250);
    clock.stall(3_000);
    if (isCheckedFirst) await clock.advance(0);
    clock.turn();
    await clock.advance(99);
    const { messages, lost } = load.tally();
    assertEquals([messages, lost, isCheckedFirst], [2, 0, isCheckedFirst]);
    // It should have looked every tenth of a second.
    assertEquals(load.tally().stalled, 2_950);
    await clock.advance(101);
    assertEquals(load.tally().lost, 1);
    await load.stop();
  }
});

Deno.test("Load that has stood still for 5 s does not call that silence", async () => {
  using clock = new FakeClock();
  const server = new MemoryServer();
  const { load } = createLoad(server, { messages: 2 });
  await load.open();
  load.count();
  load.start();
  await clock.advance(250);
  clock.stall(20_000);
  await clock.advance(99);
  clock.turn();
  clock.turn();
  assertEquals(await load.exhausted, "all sent");
  assertEquals(load.tally().messages, 2);
  await load.stop();
});

Deno.test("Load ends in time even if it stands still again and again", async () => {
  using clock = new FakeClock();
  const server = new MemoryServer();
  server.stalled = true;
  const { load } = createLoad(server, { messages: Infinity });
  await load.open();
  load.count();
  load.start();
  let stoppedAt = Infinity;
  const stopped = load.stop().then(() => stoppedAt = clock.now);
  for (let turns = 0; turns < 20; turns++) {
    clock.stall(500);
    await clock.advance(0);
  }
  await stopped;
  assertEquals(stoppedAt, 5_000);
  assertEquals(faultsOf(load), [
    { kind: "late", connection: 1, offset: 0, count: 64 },
  ]);
});

Deno.test("Load without churn keeps a connection that was silent for long", async () => {
  using clock = new FakeClock();
  const server = new MemoryServer();
  const { load } = createLoad(server, { messages: Infinity });
  await load.open();
  load.count();
  load.start();
  await go(clock, 10);
  server.stalled = true;
  clock.turn();
  await clock.advance(7_000);
  server.stalled = false;
  server.sockets[0]?.flush();
  await go(clock, 10);
  const stopped = load.stop();
  await go(clock, 2);
  await stopped;
  assertEquals([server.sockets.length, faultsOf(load)], [1, []]);
});

Deno.test("Load with churn forgets the connections that are done", async () => {
  using clock = new FakeClock();
  const server = new MemoryServer();
  const { load } = createLoad(server, { messages: Infinity, churn: true });
  await load.open();
  load.count();
  load.start();
  for (let ms = 0; ms < 12_000; ms += 20) {
    await clock.advance(20);
    clock.turn();
  }
  const { messages } = load.tally();
  assert(messages > 500, `${messages}`);
  const open = server.sockets.filter(({ closed }) => !closed);
  assert(open.length <= 1, `${open.length}`);
  const stopped = load.stop();
  await go(clock, 2);
  await stopped;
  assertEquals(faultsOf(load), []);
});

Deno.test("Load with churn stops at once when all it waited for is given up", async () => {
  using clock = new FakeClock();
  const server = new MemoryServer();
  const { load } = createLoad(server, { messages: Infinity, churn: true });
  await load.open();
  load.count();
  server.stalled = true;
  load.start();
  await clock.advance(5_200);
  server.stalled = false;
  const stopped = load.stop();
  clock.turn();
  clock.turn();
  await stopped;
  assertEquals([load.faults.counts.get("late"), clock.now], [64, 5_200]);
  assertEquals([load.faults.total, load.tally().messages], [64, 1]);
});

Deno.test("Load with churn and a rate times each message that waited from when it was due", async () => {
  using clock = new FakeClock();
  const server = new MemoryServer();
  server.refuse = (attempt) => attempt > 1 ? 40 : 0;
  const due = new Set<number>();
  const options = loadOptions({
    connections: 2,
    messages: Infinity,
    churn: true,
    rate: 100,
    duration: 400,
  });
  const load = new Load(
    server,
    options,
    (_, total) => due.add(Math.round(clock.now - total)),
  );
  await load.open();
  load.count();
  load.start();
  await go(clock, 400);
  const stopped = load.stop();
  await go(clock, 50);
  await stopped;
  const { messages } = load.tally();
  assertEquals(
    [...due],
    Array.from({ length: messages }, (_, index) => index * 10),
  );
});

Deno.test("Load notices soon that a datagram is lost, if it has little time", async () => {
  using clock = new FakeClock();
  const server = new MemoryServer();
  server.stalled = true;
  const { load } = createLoad(server, {
    addr: { transport: "udp", hostname: "192.0.2.1", port: 7 },
    patience: 40,
  });
  await load.open();
  load.count();
  load.start();
  await clock.advance(39);
  assertEquals(load.tally().lost, 0);
  await clock.advance(12);
  assertEquals(load.tally().lost, 1);
  load.hurry();
  await load.stop();
});

Deno.test("Load that has lost its last connection before it starts says so", async () => {
  for (const rate of [undefined, 100]) {
    const server = new MemoryServer();
    const { load } = createLoad(server, { rate });
    await load.open();
    server.sockets[0]?.handler.onEnd(systemError("ECONNRESET"));
    load.start();
    assertEquals(await load.exhausted, "no connection left");
    await load.stop();
  }
});

Deno.test("Load with a rate has a warm-up that may last longer than what counts", async () => {
  using clock = new FakeClock();
  const server = new MemoryServer();
  const { load } = createLoad(server, {
    messages: Infinity,
    rate: 1_000,
    duration: 100,
  });
  await load.open();
  load.start();
  await go(clock, 500);
  const { arrived, unsent } = load.tally();
  assert(arrived >= 498, `${arrived}`);
  assertEquals(unsent, 0);
  await clock.advance(0.5);
  load.count();
  await go(clock, 200);
  await load.stop();
  assertEquals([load.tally().messages, clock.timers], [100, 0]);
});

Deno.test("Load with a rate sends what is due at the end of its warm-up once", async () => {
  using clock = new FakeClock();
  const server = new MemoryServer();
  const { load } = createLoad(server, {
    messages: Infinity,
    rate: 10,
    warmup: 200,
    duration: 200,
  });
  await load.open();
  load.start();
  await go(clock, 201);
  load.count();
  await go(clock, 250);
  await load.stop();
  const { arrived, messages } = load.tally();
  assertEquals([arrived, messages], [4, 2]);
});

Deno.test("Load that is stopped long before its next message leaves no timer", async () => {
  using clock = new FakeClock();
  const server = new MemoryServer();
  const { load } = createLoad(server, { messages: Infinity, rate: 0.1 });
  await load.open();
  load.count();
  load.start();
  await go(clock, 10);
  await load.stop();
  assertEquals([load.tally().messages, clock.timers], [1, 0]);
});

Deno.test("Load opens connections again that end, and measures the gap", async () => {
  using clock = new FakeClock();
  const server = new MemoryServer();
  const { load, latencies } = createLoad(server, {
    connections: 2,
    messages: Infinity,
    window: 3,
    reconnect: true,
  });
  await load.open();
  load.count();
  load.start();
  await go(clock, 100);
  restart(server, clock, 250);
  await go(clock, 400);
  const before = load.tally().messages;
  await go(clock, 100);
  assert(load.tally().messages >= before + 500);
  const stopped = load.stop();
  await go(clock, 2);
  await stopped;
  const { gaps: { cut, inFlight, open, times }, each } = load.details();
  assertEquals([cut, inFlight, open, faultsOf(load)], [2, 6, 0, []]);
  // After 1, 2, 4, …, 64 and 2 × 100 ms it tries again.
  assertEquals(times.count, 2);
  assert(times.min >= 327_000 && times.max <= 330_000);
  // What came before the cut and what came after it is of one connection.
  assertEquals(each.map(({ connection }) => connection), [1, 2]);
  assertEquals(
    each.reduce((sum, { messages }) => sum + messages, 0),
    load.tally().messages,
  );
  // No message has waited for the server.
  assert(Math.max(...latencies) <= 2);
  assertEquals(clock.timers, 0);
});

Deno.test("Load opens a connection again that ends before the first message", async () => {
  for (const isOpenAtStart of [false, true]) {
    using clock = new FakeClock();
    const server = new MemoryServer();
    const { load } = createLoad(server, {
      connections: 2,
      messages: Infinity,
      window: 3,
      reconnect: true,
    });
    await load.open();
    server.refuse = (attempt) => attempt > 2 && !isOpenAtStart ? 5 : 0;
    server.sockets[0]?.handler.onEnd();
    if (isOpenAtStart) await go(clock, 5);
    load.count();
    load.start();
    await go(clock, 100);
    const stopped = load.stop();
    await go(clock, 2);
    await stopped;
    const { gaps: { open }, each } = load.details();
    assertEquals([open, faultsOf(load)], [0, []]);
    assertEquals(each.map(({ connection }) => connection), [1, 2]);
    // None has more in flight than its window.
    const [least = 0, most = 0] = each.map(({ messages }) => messages);
    assert(least >= 270 && least <= most, `${least}, ${most}`);
  }
});

Deno.test("Load that counts messages ends when no connection is open again for 5 s", async () => {
  using clock = new FakeClock();
  const server = new MemoryServer();
  const { load } = createLoad(server, { messages: 1_000, reconnect: true });
  await load.open();
  load.count();
  load.start();
  await go(clock, 100);
  restart(server, clock, Infinity);
  await go(clock, 5_200);
  assertEquals(await load.exhausted, "nothing came back for 5 s");
  await load.stop();
  assertEquals(load.faults.first.get("failed")?.reason, "not open again");
});

Deno.test("Load sends as many as it is to, though some never left before a cut", async () => {
  for (const messages of [3, 10]) {
    using clock = new FakeClock();
    const server = new MemoryServer();
    server.largestWrite = 0;
    const { load } = createLoad(server, {
      messages,
      window: 3,
      reconnect: true,
    });
    await load.open();
    load.count();
    load.start();
    server.largestWrite = Infinity;
    restart(server, clock, 0);
    await go(clock, 50);
    assertEquals(await load.exhausted, "all sent");
    await load.stop();
    const { sent, messages: echoed } = load.tally();
    assertEquals([sent, echoed, faultsOf(load)], [messages, messages, []]);
    assertEquals(load.details().gaps.inFlight, 0);
  }
});

Deno.test("Load with a rate sends what was due in a gap when it is over", async () => {
  using clock = new FakeClock();
  const server = new MemoryServer();
  const { load, latencies } = createLoad(server, {
    connections: 1,
    messages: Infinity,
    rate: 100,
    duration: 1_000,
    reconnect: true,
  });
  await load.open();
  load.count();
  load.start();
  await go(clock, 205);
  restart(server, clock, 100);
  await go(clock, 795);
  const stopped = load.stop();
  await go(clock, 10);
  await stopped;
  const { messages, sent, unsent } = load.tally();
  assertEquals([messages, sent, unsent], [100, 100, 0]);
  assertEquals(latencies.filter((ms) => ms >= 10).length, 12);
  const { gaps } = load.details();
  assertEquals([gaps.cut, gaps.inFlight, gaps.open], [1, 0, 0]);
  assert(gaps.times.max >= 127_000 && gaps.times.max <= 129_000);
});

Deno.test("Load counts one cut where a connection ends again before any echo", async () => {
  using clock = new FakeClock();
  const server = new MemoryServer();
  const { load } = createLoad(server, { messages: Infinity, reconnect: true });
  await load.open();
  load.count();
  load.start();
  await go(clock, 10);
  server.stalled = true;
  for (let i = 0; i < 3; i++) {
    restart(server, clock, 0);
    await go(clock, 10);
  }
  server.stalled = false;
  await go(clock, 10);
  server.sockets.at(-1)?.flush();
  const stopped = load.stop();
  await go(clock, 10);
  await stopped;
  const { cut, inFlight, open, times } = load.details().gaps;
  assertEquals([cut, inFlight, open, times.count], [1, 3, 0, 1]);
  assertEquals(times.max, 40_000);
});

Deno.test("Load tells of a connection that is not open again at the end", async () => {
  using clock = new FakeClock();
  const server = new MemoryServer();
  const { load } = createLoad(server, {
    connections: 2,
    messages: Infinity,
    reconnect: true,
  });
  await load.open();
  load.start();
  await go(clock, 10);
  restart(server, clock, Infinity);
  await go(clock, 10);
  // What was before is not counted, but goes on.
  load.count();
  await go(clock, 10);
  await load.stop();
  const { cut, inFlight, open, times } = load.details().gaps;
  assertEquals([cut, inFlight, open, times.count], [2, 0, 2, 0]);
  assertEquals(load.faults.counts.get("failed"), 2);
  assertEquals(load.faults.first.get("failed")?.reason, "not open again");
  assertEquals(clock.timers, 0);
});

Deno.test("Load closes a connection that has ended before it opens another one, and times that", async () => {
  using clock = new FakeClock();
  await clock.advance(1_000);
  const server = new MemoryServer();
  const { load } = createLoad(server, { messages: Infinity, reconnect: true });
  await load.open();
  load.count();
  load.start();
  await go(clock, 10);
  server.refuse = () => 30;
  server.sockets[0]?.handler.onEnd();
  await go(clock, 100);
  assertEquals(server.sockets.map(({ closed }) => closed), [true, false]);
  const { connects: { count, min, max } } = load.details();
  assertEquals([count, min, max], [2, 1, 30_000]);
  const stopped = load.stop();
  // Once it is stopped none is opened any more, and nothing waited for.
  server.sockets[1]?.handler.onEnd();
  await stopped;
  await clock.advance(1_000);
  assertEquals(server.sockets.length, 2);
  assertEquals(clock.timers, 0);
});

Deno.test("Load closes a connection that is open again when all is over", async () => {
  using clock = new FakeClock();
  const server = new MemoryServer();
  const { load } = createLoad(server, { messages: Infinity, reconnect: true });
  await load.open();
  load.start();
  server.refuse = () => 50;
  server.sockets[0]?.handler.onEnd();
  await clock.advance(10);
  await load.stop();
  await clock.advance(100);
  assertEquals(
    server.sockets.map(({ closed, written }) => [
      closed,
      written.length,
    ]),
    [[true, 1], [true, 0]],
  );
});

Deno.test("Load counts in a gap what was in flight, not what was never sent", async () => {
  using clock = new FakeClock();
  const server = new MemoryServer();
  const { load } = createLoad(server, {
    messages: Infinity,
    rate: 1_000,
    reconnect: true,
  });
  await load.open();
  load.count();
  server.stalled = true;
  load.start();
  await go(clock, 5);
  server.largestWrite = 0;
  await go(clock, 5);
  const sent = server.sockets[0]?.written.filter((count) => count > 0).length;
  assert(sent && sent < 10);
  server.sockets[0]?.handler.onEnd(systemError("ECONNRESET"));
  assertEquals(load.details().gaps.inFlight, sent);
  load.hurry();
  await load.stop();
});

Deno.test("Load looks after datagrams also once a connection is open again", async () => {
  using clock = new FakeClock();
  const server = new MemoryServer();
  const { load } = createLoad(server, {
    addr: UDP,
    messages: 6_000,
    reconnect: true,
  });
  await load.open();
  load.count();
  load.start();
  let ending = "";
  load.exhausted.then((one) => ending = one);
  await go(clock, 10);
  // On the new connection one datagram is lost.
  server.makeServer = () => (byte, at) => (at / 64 | 0) === 500 ? [] : [byte];
  server.sockets[0]?.handler.onEnd(systemError("ECONNREFUSED"));
  await go(clock, 5_800);
  assertEquals([ending, faultsOf(load)], ["", []]);
  const { lost, messages } = load.tally();
  assertEquals(lost, 1);
  assert(messages > 4_500, `${messages}`);
  load.hurry();
  await load.stop();
});

Deno.test("Load opens its connections over the time of a ramp", async () => {
  using clock = new FakeClock();
  const server = new MemoryServer();
  await clock.advance(1_000);
  const { load } = createLoad(server, { connections: 4, ramp: 100 });
  const opened = load.open();
  const counts: number[] = [];
  for (let ms = 0; ms < 100; ms += 10) {
    await clock.advance(1);
    counts.push(server.sockets.length);
    await clock.advance(9);
  }
  await opened;
  assertEquals(counts, [1, 1, 1, 2, 2, 3, 3, 3, 4, 4]);
  await load.stop();
  assertEquals(clock.timers, 0);
});

Deno.test("Load has opened a ramp when the last connection is open", async () => {
  using clock = new FakeClock();
  const server = new MemoryServer();
  server.refuse = (attempt) => attempt === 2 ? 500 : 0;
  const { load } = createLoad(server, { connections: 3, ramp: 100 });
  let openedAt = NaN;
  const opened = load.open().then(() => openedAt = clock.now);
  await clock.advance(1_000);
  await opened;
  assert(openedAt >= 530 && openedAt <= 540, `${openedAt}`);
  await load.stop();
  assertEquals(load.details().each.length, 3);
});

Deno.test("Load ends a ramp when the first connection is refused, or it is stopped", async () => {
  using clock = new FakeClock();
  const server = new MemoryServer();
  const { load } = createLoad(server, { connections: 4, ramp: 60_000 });
  server.refuse = () => systemError("ECONNREFUSED");
  await assertRejects(() => load.open(), Error, "connection refused");
  server.refuse = () => 0;
  const { load: other } = createLoad(server, { connections: 4, ramp: 60_000 });
  other.open();
  await clock.advance(1);
  await other.stop();
  await clock.advance(60_000);
  assertEquals([server.sockets.length, clock.timers], [1, 0]);
});

Deno.test("Load with churn and a rate times each message from when it is due", async () => {
  using clock = new FakeClock();
  const server = new MemoryServer();
  server.refuse = (attempt) => attempt > 1 ? 30 : 0;
  const { load, latencies } = createLoad(server, {
    connections: 10,
    messages: Infinity,
    churn: true,
    rate: 100,
    duration: 200,
  });
  await load.open();
  load.count();
  load.start();
  await go(clock, 200);
  const stopped = load.stop();
  await go(clock, 40);
  await stopped;
  const { messages, sent, unsent } = load.tally();
  assertEquals([messages, sent, unsent], [20, 20, 0]);
  assert(latencies.every((ms) => ms >= 30 && ms <= 33), String(latencies));
  // One more has found out whether there is a server.
  assertEquals(server.sockets.length, 21);
});

Deno.test("Load with churn and a rate waits for a slot, and counts what got none", async () => {
  using clock = new FakeClock();
  const server = new MemoryServer();
  server.refuse = (attempt) => attempt > 1 ? 40 : 0;
  const { load, latencies } = createLoad(server, {
    connections: 2,
    messages: Infinity,
    churn: true,
    rate: 100,
    duration: 400,
  });
  await load.open();
  load.start();
  // What waits at the end of the warm-up is not sent after it.
  await go(clock, 400);
  load.count();
  await go(clock, 400);
  const stopped = load.stop();
  await go(clock, 50);
  await stopped;
  const { messages, sent, unsent } = load.tally();
  assertEquals([messages, sent + unsent], [sent, 40]);
  // Two at a time, 40 ms and a turn each: 20 of 40, less those of the warm-up.
  assert(sent >= 18 && sent <= 20, `${sent}`);
  assert((latencies.at(0) ?? 0) < 90 && (latencies.at(-1) ?? 0) > 180);
});
