import type {
  ClosedConnection,
  OpenConnection,
  ServeOptions,
} from "../../src/core/serve_options.ts";
import type { EchoServer } from "../../src/core/echo_server.ts";
import { serve } from "../../src/core/server.ts";
import { formatAddr } from "../../src/core/format_addr.ts";
import {
  assert,
  assertEquals,
  assertRejects,
  assertThrows,
} from "../helpers/assert.ts";
import { FakeClock, settled } from "../helpers/fake_clock.ts";
import {
  MemoryConnection,
  MemoryListener,
  systemError,
} from "../helpers/memory.ts";

/** A server on a listener in memory, and what it has reported. */
class Fixture implements AsyncDisposable {
  readonly listener = new MemoryListener();
  readonly opened: number[] = [];
  readonly closed: ClosedConnection[] = [];
  readonly refused: string[] = [];
  readonly errors: unknown[] = [];
  readonly server: EchoServer;

  constructor(options: ServeOptions = {}) {
    this.server = serve(this.listener, {
      onRefuse: (remoteAddr, reason) =>
        this.refused.push(`${formatAddr(remoteAddr)} ${reason}`),
      onOpen: ({ id }) => this.opened.push(id),
      onClose: (connection) => this.closed.push(connection),
      onError: (error) => this.errors.push(error),
      ...options,
    });
  }

  /** A client connects. */
  async connect(hostname?: string): Promise<MemoryConnection> {
    const connection = this.listener.connect(new MemoryConnection(hostname));
    await settled();
    return connection;
  }

  get reasons(): string[] {
    return this.closed.map(({ reason }) => reason);
  }

  async [Symbol.asyncDispose]() {
    await this.server[Symbol.asyncDispose]();
  }
}

Deno.test("serve() says at once where it listens", async () => {
  await using fixture = new Fixture();
  assertEquals(fixture.server.addr, fixture.listener.addr);
  assertEquals(fixture.server.url, "tcp://192.0.2.2:7");
});

Deno.test("serve() echoes, closes at the peer's end, and accounts for it", async () => {
  await using fixture = new Fixture();
  const connection = await fixture.connect();
  assertEquals(fixture.opened, [1]);
  connection.send([1, 2, 3]);
  connection.end();
  await settled();
  assertEquals(connection.received, [1, 2, 3]);
  assertEquals(connection.closed, 1);
  const [closed] = fixture.closed;
  assert(closed);
  assertEquals(
    [closed.id, closed.remoteAddr, closed.bytes, closed.reason],
    [1, connection.remoteAddr, 3, "eof"],
  );
  assertEquals(fixture.errors, []);
});

Deno.test("A client that is silent, or never reads, delays nobody", async () => {
  await using fixture = new Fixture();
  await fixture.connect();
  const deaf = await fixture.connect();
  deaf.room = 1;
  deaf.send(new Uint8Array(100_000));
  const other = await fixture.connect();
  other.send([1, 2, 3]);
  await settled();
  assertEquals(other.received, [1, 2, 3]);
});

Deno.test("A connection's error is its own: counted, reported and over", async () => {
  await using fixture = new Fixture();
  const codes = ["ECONNRESET", "EPIPE", "ECONNABORTED", "ETIMEDOUT"];
  for (const code of codes) {
    const connection = await fixture.connect();
    connection.fail(systemError(code));
    await settled();
    assertEquals(connection.closed, 1);
  }
  assertEquals(fixture.reasons, ["reset", "reset", "reset", "error"]);
  assertEquals(
    fixture.errors.map(String),
    codes.map((code) => `Error: ${code} happened`),
  );
  assertEquals(fixture.server.stats().failed, 4);
  const next = await fixture.connect();
  next.send([1]);
  await settled();
  assertEquals(next.received, [1]);
});

Deno.test("accept() is retried after 5 ms, doubling to 1 s, and reported once", async () => {
  using clock = new FakeClock();
  await using fixture = new Fixture();
  const { listener, errors } = fixture;
  for (let count = 0; count < 12; count++) {
    listener.failAccept(systemError("EMFILE"));
  }
  await settled();
  const waits: number[] = [];
  let before = clock.now;
  while (listener.waiting > 0) {
    await clock.next();
    waits.push(clock.now - before);
    before = clock.now;
  }
  assertEquals(waits, [5, 10, 20, 40, 80, 160, 320, 640, 1000, 1000, 1000]);
  assertEquals(errors.length, 1);
  await clock.advance(1_000);

  const connection = await fixture.connect();
  connection.send([1]);
  await settled();
  assertEquals(connection.received, [1]);

  listener.failAccept(systemError("EMFILE"));
  await settled();
  assertEquals(errors.length, 1, "the episode is not over");
  const { accepts } = listener;
  await clock.advance(4);
  assertEquals(listener.accepts, accepts, "the wait is 5 ms again");
  await clock.advance(1);
  assertEquals(listener.accepts, accepts + 1, "the wait is 5 ms again");

  await clock.advance(1_900);
  listener.failAccept(systemError("EMFILE"));
  await clock.advance(5);
  assertEquals(errors.length, 1, "it is still not over");

  await clock.advance(2_000);
  listener.failAccept(systemError("EMFILE"));
  await settled();
  assertEquals(errors.length, 2, "a new episode is reported again");
});

Deno.test("accept() is retried at once when a connection ends", async () => {
  using clock = new FakeClock();
  await using fixture = new Fixture();
  const { listener } = fixture;
  const connection = await fixture.connect();
  listener.failAccept(systemError("EMFILE"));
  await settled();
  const { accepts } = listener;
  connection.end();
  await settled();
  assertEquals(listener.accepts, accepts + 1);
  assertEquals([clock.now, clock.timers], [0, 0]);
});

Deno.test("Shutdown does not wait for the back-off", async () => {
  using clock = new FakeClock();
  const fixture = new Fixture();
  fixture.listener.failAccept(systemError("ENFILE"));
  await settled();
  await fixture.server.shutdown();
  assertEquals([clock.now, clock.timers], [0, 0]);
});

Deno.test("maxConnections takes a place before accept", async () => {
  await using fixture = new Fixture({ maxConnections: 2 });
  const { listener, server } = fixture;
  const first = await fixture.connect();
  await fixture.connect();
  const third = await fixture.connect();
  third.send([3]);
  await settled();
  assertEquals([listener.accepts, listener.waiting], [2, 1]);
  assertEquals([server.stats().active, third.received], [2, []]);
  first.end();
  await settled();
  assertEquals(third.received, [3]);
  assertEquals(server.stats().peak, 2);
});

Deno.test("A full server that is shut down accepts nobody any more", async () => {
  await using fixture = new Fixture({ maxConnections: 1 });
  const { listener, server } = fixture;
  const connection = await fixture.connect();
  const ended = server.shutdown();
  connection.end();
  await ended;
  assertEquals(listener.accepts, 1);
});

Deno.test("maxConnections 1 serves one after another", async () => {
  await using fixture = new Fixture({ maxConnections: 1 });
  const connections = await Promise.all([1, 2, 3].map(() => fixture.connect()));
  for (const [index, connection] of connections.entries()) {
    assertEquals(fixture.server.stats().accepted, index + 1);
    connection.end();
    await settled();
  }
  assertEquals(fixture.reasons, ["eof", "eof", "eof"]);
});

Deno.test("idleTimeout closes what is idle, neither early nor over a quarter late", async () => {
  using clock = new FakeClock();
  await using fixture = new Fixture({ idleTimeout: 1_000 });
  const idle = await fixture.connect();
  const busy = await fixture.connect();
  for (let second = 0; second < 5; second++) {
    await clock.advance(401);
    busy.send([second]);
  }
  assertEquals(idle.closed, 1);
  assertEquals(fixture.reasons, ["idle"]);
  const [closed] = fixture.closed;
  assert(closed && closed.duration >= 1_000 && closed.duration <= 1_250);
  assertEquals(fixture.errors, []);
  assertEquals(fixture.server.stats().failed, 0);

  await clock.advance(999);
  assertEquals(busy.closed, 0, "closed early");
  await clock.advance(251);
  assertEquals(busy.closed, 1);
});

Deno.test("A server that stood still reads what came before it calls a client idle", async () => {
  using clock = new FakeClock();
  await using fixture = new Fixture({ idleTimeout: 1_000 });
  const [idle, busy] = [await fixture.connect(), await fixture.connect()];
  await clock.advance(150);
  clock.stall(5_000);
  await clock.advance(0);
  assertEquals(fixture.reasons, []);
  busy.send([1]);
  await clock.advance(100);
  assertEquals([idle.closed, busy.closed], [1, 0]);
  assertEquals(fixture.reasons, ["idle"]);
});

Deno.test("idleTimeout counts bytes in either direction", async () => {
  using clock = new FakeClock();
  await using fixture = new Fixture({ idleTimeout: 1_000 });
  const connection = await fixture.connect();
  await clock.advance(900);
  connection.room = 0;
  connection.send([1]);
  await clock.advance(950);
  assertEquals(connection.closed, 0, "a byte came in after 900 ms");
  connection.room = 1;
  connection.take();
  await clock.advance(950);
  assertEquals(connection.closed, 0, "a byte went out after 1,850 ms");
  connection.send([2]);
  await clock.advance(1_300);
  assertEquals(connection.closed, 1, "a peer that takes nothing is idle");
});

Deno.test("maxLifetime closes what is open for so long, busy or not, at most a quarter late", async () => {
  using clock = new FakeClock();
  await using fixture = new Fixture({ maxLifetime: 1_000 });
  const busy = await fixture.connect();
  await clock.advance(350);
  const quiet = await fixture.connect();
  for (let count = 0; count < 6; count++) {
    busy.send([count]);
    await clock.advance(108);
  }
  assertEquals([busy.closed, quiet.closed], [0, 0], "998 ms are not so long");
  await clock.advance(252);
  assertEquals([busy.closed, quiet.closed], [1, 0]);
  await clock.advance(350);
  assertEquals([busy.closed, quiet.closed], [1, 1]);
  assertEquals(fixture.reasons, ["lifetime", "lifetime"]);
  assertEquals([fixture.errors, fixture.server.stats().failed], [[], 0]);
});

Deno.test("maxBytes closes what has echoed so much, and not before", async () => {
  await using fixture = new Fixture({ maxBytes: 100 });
  const connection = await fixture.connect();
  const within = await fixture.connect();
  for (const count of [50, 49]) {
    connection.send(new Uint8Array(count));
    await settled();
  }
  assertEquals(connection.closed, 0);
  connection.send([1]);
  within.send(new Uint8Array(99));
  within.end();
  await settled();
  assertEquals([connection.closed, connection.received.length], [1, 100]);
  assertEquals(within.received.length, 99);
  assertEquals(fixture.reasons.toSorted(), ["eof", "limit"]);
  assertEquals(fixture.server.stats().bytes, 199);
  assertEquals([fixture.errors, fixture.server.stats().failed], [[], 0]);
});

Deno.test("maxBytes keeps what was read at once together", async () => {
  await using fixture = new Fixture({ maxBytes: 100 });
  const connection = await fixture.connect();
  connection.send(new Uint8Array(200));
  await settled();
  assertEquals([connection.closed, connection.received.length], [1, 200]);
});

Deno.test("admit keeps clients out before a byte is read", async () => {
  const asked: string[] = [];
  await using fixture = new Fixture({
    admit(remoteAddr) {
      asked.push(formatAddr(remoteAddr));
      return formatAddr(remoteAddr) !== "192.0.2.66:50000";
    },
  });
  const denied = fixture.listener.connect(new MemoryConnection("192.0.2.66"));
  denied.send([1]);
  await settled();
  assertEquals([denied.closed, denied.unread], [1, 1]);
  assertEquals(denied.bufferSizes, []);
  const other = await fixture.connect();
  other.send([1]);
  await settled();
  assertEquals(other.received, [1]);
  assertEquals(asked, ["192.0.2.66:50000", "192.0.2.1:50000"]);
  assertEquals(fixture.refused, ["192.0.2.66:50000 denied"]);
  assertEquals([fixture.opened, fixture.closed, fixture.errors], [[1], [], []]);
  const { accepted, refused, active, failed } = fixture.server.stats();
  assertEquals([accepted, refused, active, failed], [1, 1, 1, 0]);
});

Deno.test("What admit throws keeps the client out, and is reported", async () => {
  await using fixture = new Fixture({
    admit() {
      throw new Error("from admit");
    },
  });
  const client = await fixture.connect();
  assertEquals(client.closed, 1);
  assertEquals(fixture.errors.map(String), ["Error: from admit"]);
  assertEquals(fixture.server.stats().refused, 1);
});

Deno.test("maxConnectionsPerHost refuses a host's surplus only", async () => {
  await using fixture = new Fixture({ maxConnectionsPerHost: 2 });
  const first = await fixture.connect("192.0.2.1");
  const mapped = await fixture.connect("::ffff:192.0.2.1");
  const third = await fixture.connect("192.0.2.1");
  const other = await fixture.connect("192.0.2.2");
  assertEquals(
    [first, mapped, third, other].map(({ closed }) => closed),
    [0, 0, 1, 0],
  );
  assertEquals(fixture.refused, ["192.0.2.1:50000 per-host"]);

  for (const hostname of ["2001:db8::1", "2001:db8::2:3:4:5"]) {
    assertEquals((await fixture.connect(hostname)).closed, 0);
  }
  assertEquals((await fixture.connect("2001:db8:0:0:ffff::")).closed, 1);
  assertEquals((await fixture.connect("2001:db8:0:1::")).closed, 0);

  first.end();
  await settled();
  assertEquals((await fixture.connect("192.0.2.1")).closed, 0);
  assertEquals((await fixture.connect("192.0.2.1")).closed, 1);
  assertEquals(fixture.server.stats().refused, 3);
});

Deno.test("A refused client takes no place", async () => {
  await using fixture = new Fixture({
    maxConnections: 1,
    maxConnectionsPerHost: 1,
  });
  const first = await fixture.connect();
  const second = await fixture.connect();
  assertEquals(second.closed, 0, "it waits for a place");
  first.end();
  await settled();
  second.send([1]);
  await settled();
  assertEquals(second.received, [1], "the host has left before");
});

Deno.test("One timer watches all connections, for idleTimeout and maxLifetime", async () => {
  using clock = new FakeClock();
  const fixture = new Fixture({ idleTimeout: 1_000, maxLifetime: 9_000 });
  for (let count = 0; count < 10; count++) await fixture.connect();
  assertEquals(clock.timers, 1);
  await fixture.server.shutdown({ grace: 0 });
  assertEquals(clock.timers, 0);
});

Deno.test("shutdown() stops accepting and lets connections finish", async () => {
  using clock = new FakeClock();
  await using fixture = new Fixture();
  const { listener, server } = fixture;
  const connection = await fixture.connect();
  let finished = false;
  const done = server.shutdown().then(() => finished = true);
  assertEquals([listener.closed, server.stats().stopping], [1, true]);
  connection.send([1]);
  await clock.advance(1_000_000);
  assertEquals([connection.received, finished], [[1], false]);
  connection.end();
  await done;
  await server.finished;
  assertEquals(fixture.reasons, ["eof"]);
});

Deno.test("shutdown() closes what is left when the grace is over", async () => {
  using clock = new FakeClock();
  await using fixture = new Fixture();
  const connection = await fixture.connect();
  const done = fixture.server.shutdown({ grace: 500 });
  await clock.advance(499);
  assertEquals(connection.closed, 0);
  await clock.advance(1);
  assertEquals(connection.closed, 1);
  await done;
  assertEquals(fixture.reasons, ["shutdown"]);
  assertEquals([fixture.errors, fixture.server.stats().failed], [[], 0]);
});

Deno.test("shutdown() again: the earliest end counts", async () => {
  using clock = new FakeClock();
  await using fixture = new Fixture();
  const { listener, server } = fixture;
  const connection = await fixture.connect();
  server.shutdown({ grace: 1_000 });
  await clock.advance(500);
  server.shutdown({ grace: 200 });
  server.shutdown({ grace: 5_000 });
  server.shutdown();
  await clock.advance(199);
  assertEquals(connection.closed, 0);
  await clock.advance(1);
  assertEquals(connection.closed, 1);
  await server.shutdown();
  assertEquals(listener.closed, 1);
  assertEquals(clock.timers, 0);
});

Deno.test("shutdown() goes on accepting for the delay, and says that it will stop", async () => {
  using clock = new FakeClock();
  await using fixture = new Fixture();
  const { listener, server } = fixture;
  const old = await fixture.connect();
  assertEquals(server.stats().stopping, false);
  const done = server.shutdown({ delay: 1_000, grace: 500 });
  assertEquals(server.stats().stopping, true);
  await clock.advance(999);
  const newcomer = await fixture.connect();
  newcomer.send([1]);
  await settled();
  assertEquals([newcomer.received, listener.closed], [[1], 0]);
  await clock.advance(1);
  assertEquals(listener.closed, 1);
  old.end();
  await clock.advance(499);
  assertEquals(newcomer.closed, 0);
  await clock.advance(1);
  await done;
  assertEquals(fixture.reasons, ["eof", "shutdown"]);
  assertEquals(clock.timers, 0);
});

Deno.test("shutdown() again: the earliest end of accepting counts", async () => {
  using clock = new FakeClock();
  await using fixture = new Fixture();
  const { listener, server } = fixture;
  server.shutdown({ delay: 1_000 });
  server.shutdown({ delay: 200 });
  server.shutdown({ delay: 5_000 });
  await clock.advance(199);
  assertEquals(listener.closed, 0);
  await clock.advance(1);
  assertEquals(listener.closed, 1);
  await server.finished;
  assertEquals(clock.timers, 0);
});

Deno.test("shutdown() without a delay, and the signal, end the delay of an earlier one", async () => {
  const controller = new AbortController();
  const ways: ((server: EchoServer) => unknown)[] = [
    (server) => server.shutdown(),
    (server) => server.close(),
    () => controller.abort(),
  ];
  for (const stop of ways) {
    using clock = new FakeClock();
    await using fixture = new Fixture({ signal: controller.signal });
    fixture.server.shutdown({ delay: 1_000 });
    assertEquals(fixture.listener.closed, 0);
    stop(fixture.server);
    await fixture.server.finished;
    assertEquals([fixture.listener.closed, clock.timers], [1, 0]);
  }
});

Deno.test("a delay and a grace that are too long for a timer together are waited for", async () => {
  using clock = new FakeClock();
  await using fixture = new Fixture();
  const connection = await fixture.connect();
  const longest = 2 ** 31 - 1;
  fixture.server.shutdown({ delay: 1, grace: longest });
  await clock.advance(longest - 1);
  assertEquals(connection.closed, 0);
  await clock.advance(1);
  assertEquals(connection.closed, 1);
});

Deno.test("shutdown({ grace: 0 }), await using and the signal close at once", async () => {
  const controller = new AbortController();
  const ways: ((server: EchoServer) => unknown)[] = [
    (server) => server.shutdown({ grace: 0 }),
    (server) => server[Symbol.asyncDispose](),
    () => controller.abort(),
  ];
  for (const close of ways) {
    const fixture = new Fixture({ signal: controller.signal });
    const connection = await fixture.connect();
    connection.room = 0;
    connection.send([1]);
    close(fixture.server);
    assertEquals(connection.closed, 1);
    await fixture.server.finished;
    assertEquals(fixture.reasons, ["shutdown"]);
    assertEquals(connection.closed, 1);
  }
});

Deno.test("A signal that has already aborted lets nobody in", async () => {
  const fixture = new Fixture({ signal: AbortSignal.abort() });
  fixture.listener.connect();
  await fixture.server.finished;
  assertEquals([fixture.listener.accepts, fixture.listener.closed], [0, 1]);
});

Deno.test("A connection accepted while everything is being closed is closed", async () => {
  const fixture = new Fixture();
  await settled();
  const connection = fixture.listener.connect();
  await Promise.resolve();
  fixture.server.shutdown({ grace: 0 });
  await fixture.server.finished;
  assertEquals(fixture.server.stats().accepted, connection.closed);
});

Deno.test("A connection that is accepted after the grace is over is closed", async () => {
  using clock = new FakeClock();
  const handOver = Promise.withResolvers<MemoryConnection>();
  const reasons: string[] = [];
  const server = serve({
    addr: { transport: "tcp", hostname: "192.0.2.2", port: 7 },
    accept: () => handOver.promise,
    close() {},
  }, { onClose: ({ reason }) => reasons.push(reason) });
  const ended = server.shutdown({ grace: 100 });
  await clock.advance(500);
  const late = new MemoryConnection();
  handOver.resolve(late);
  await ended;
  assertEquals([late.closed, reasons], [1, ["shutdown"]]);
});

Deno.test("finished waits for the last connection when the listener ends by itself", async () => {
  const fixture = new Fixture();
  const connection = await fixture.connect();
  fixture.listener.close();
  await settled();
  connection.end();
  await fixture.server.finished;
  assertEquals(fixture.reasons, ["eof"]);
});

Deno.test("stats() are exact, and count what is still open", async () => {
  const before = new Date();
  await using fixture = new Fixture();
  const { server } = fixture;
  assertEquals(server.stats().peak, 0);
  const connections = await Promise.all([1, 2, 3].map(() => fixture.connect()));
  for (const [index, connection] of connections.entries()) {
    connection.send(new Uint8Array(1_000 * (index + 1)));
  }
  await settled();
  const open = server.stats();
  connections[0]?.end();
  connections[1]?.fail(systemError("ECONNRESET"));
  await settled();
  await fixture.connect();
  const { startedAt, accepted, refused, active, peak, failed, bytes } = server
    .stats();
  assertEquals([open.active, open.bytes], [3, 6_000]);
  assertEquals(
    { accepted, refused, active, peak, failed, bytes },
    { accepted: 4, refused: 0, active: 2, peak: 3, failed: 1, bytes: 6_000 },
  );
  assertEquals(server.stats().stopping, false);
  assert(startedAt >= before && startedAt <= new Date());
  startedAt.setTime(0);
  assert(server.stats().startedAt >= before, "a snapshot");
});

Deno.test("Callbacks that throw or reject reach onError, and nothing else", async () => {
  await using fixture = new Fixture({
    onOpen() {
      throw new Error("from onOpen");
    },
    // deno-lint-ignore require-await -- a callback may be an async function
    async onClose() {
      throw new Error("from onClose");
    },
  });
  const connection = await fixture.connect();
  connection.send([1]);
  connection.end();
  await settled();
  assertEquals(connection.received, [1]);
  assertEquals(fixture.errors.map(String), [
    "Error: from onOpen",
    "Error: from onClose",
  ]);
});

Deno.test("Callbacks that there are not are no error", async () => {
  const errors: unknown[] = [];
  const listener = new MemoryListener();
  await using server = serve(listener, {
    admit: ({ transport }) => transport !== "unix",
    onError: (error) => errors.push(error),
  });
  listener.connect().end();
  const refused = new MemoryConnection();
  Object.assign(refused, { remoteAddr: { transport: "unix", path: "" } });
  listener.connect(refused);
  await settled();
  const { closedBy, refused: count } = server.stats();
  assertEquals([closedBy.eof, count, errors], [1, 1, []]);
});

Deno.test("Callbacks are told what there is to know of a connection, and no more", async () => {
  using clock = new FakeClock();
  await clock.advance(1_000);
  const failed: OpenConnection[] = [];
  await using fixture = new Fixture({
    onError: (_, connection) => connection && failed.push(connection),
  });
  const connection = await fixture.connect();
  await clock.advance(500);
  connection.fail(systemError("ECONNRESET"));
  await settled();
  const { remoteAddr } = connection;
  const known = { id: 1, remoteAddr, bytes: 0, duration: 500 };
  assertEquals<unknown>(fixture.closed, [{ ...known, reason: "reset" }]);
  const [open] = failed;
  assert(open);
  const { id, bytes, duration, listenerAddr, idle, close, reset } = open;
  assertEquals({ id, remoteAddr: open.remoteAddr, bytes, duration }, known);
  assertEquals([listenerAddr, idle], [fixture.listener.addr, 500]);
  assertEquals(Object.keys(open), ["id", "remoteAddr", "listenerAddr"]);
  assertEquals([typeof close, typeof reset], ["function", "function"]);
});

Deno.test("What onError throws is dropped", async () => {
  await using fixture = new Fixture({
    onError() {
      throw new Error("from onError");
    },
  });
  const connection = await fixture.connect();
  connection.fail(systemError("ECONNRESET"));
  await settled();
  assertEquals(fixture.reasons, ["reset"]);
});

Deno.test("onOpen may shut the server down: one connection, then the end", async () => {
  const fixture = new Fixture({
    maxConnections: 1,
    onOpen: () => void fixture.server.shutdown(),
  });
  const connection = await fixture.connect();
  connection.send([1]);
  connection.end();
  await fixture.server.finished;
  assertEquals(connection.received, [1]);
});

Deno.test("serve() rejects options of the wrong type or range", () => {
  const listener = new MemoryListener();
  for (
    const options of [
      { maxConnections: 1.5 },
      { maxConnections: NaN },
      { maxConnectionsPerHost: "3" },
      { maxBytes: 0.5 },
      { maxLifetime: "1s" },
      { admit: [] },
      { onRefuse: "log" },
      { idleTimeout: NaN },
      { signal: {} },
      { signal: null },
      { onOpen: "log" },
      { onClose: null },
      { onError: "log" },
    ]
  ) {
    assertThrows(
      () => Reflect.apply(serve, undefined, [listener, options]),
      TypeError,
      `Cannot serve: ${Object.keys(options)} must be `,
    );
  }
  for (
    const options of [
      { maxConnections: 0 },
      { maxConnections: -1 },
      { maxConnectionsPerHost: 0 },
      { maxBytes: 0 },
      { maxLifetime: 0 },
      { maxLifetime: 2 ** 31 },
      { idleTimeout: 0 },
      { idleTimeout: -1 },
      { idleTimeout: 2 ** 31 },
    ]
  ) {
    assertThrows(
      () => serve(listener, options),
      RangeError,
      `Cannot serve: ${Object.keys(options)} must be `,
    );
  }
  assertEquals(listener.accepts, 0);
});

Deno.test("serve() says between which bounds a time must be", () => {
  assertThrows(
    () => serve(new MemoryListener(), { idleTimeout: 0 }),
    RangeError,
    "Cannot serve: idleTimeout must be more than 0 to 2147483647 milliseconds, but is 0",
  );
});

Deno.test("serve() takes the least and the most of each option", async () => {
  for (
    const options of [
      { maxConnections: 1, maxConnectionsPerHost: 1, maxBytes: 1 },
      {
        maxConnections: Infinity,
        maxConnectionsPerHost: Infinity,
        maxBytes: Infinity,
      },
      { idleTimeout: Number.MIN_VALUE, maxLifetime: Number.MIN_VALUE },
      { idleTimeout: 2 ** 31 - 1, maxLifetime: 2 ** 31 - 1 },
    ]
  ) {
    await using server = serve(new MemoryListener(), options);
    assertEquals(server.stats().limit, options.maxConnections ?? Infinity);
  }
});

Deno.test("shutdown() rejects a wrong option, and goes on serving", async () => {
  await using fixture = new Fixture();
  const { server } = fixture;
  await assertRejects(
    () => server.shutdown({ grace: -1 }),
    RangeError,
    "Cannot shut down: grace must be from 0 to 2147483647 milliseconds, but is -1",
  );
  await assertRejects(() => server.shutdown({ grace: 2 ** 31 }), RangeError);
  await assertRejects(() => server.shutdown({ grace: NaN }), TypeError);
  await assertRejects(
    () => server.shutdown({ delay: Infinity }),
    RangeError,
    "Cannot shut down: delay",
  );
  await assertRejects(
    () => Reflect.apply(server.shutdown, server, [{ timeout: 1 }]),
    TypeError,
    "Cannot shut down: there is no option timeout, but delay, grace",
  );
  await assertRejects(
    () => Reflect.apply(server.shutdown, server, [1_000]),
    TypeError,
    "Cannot shut down: the options must be an object, but are 1000",
  );
  const connection = await fixture.connect();
  connection.send([1]);
  await settled();
  assertEquals(connection.received, [1]);
  assertEquals(server.stats().stopping, false);
});

Deno.test("A connection that is ended twice is closed once, for the first reason", async () => {
  const controller = new AbortController();
  await using fixture = new Fixture({ signal: controller.signal });
  const connection = await fixture.connect();
  fixture.server.shutdown({ grace: 0 });
  controller.abort();
  await fixture.server.finished;
  assertEquals(connection.closed, 1);
  assertEquals(fixture.reasons, ["shutdown"]);
});

Deno.test("A server that has ended leaves no timer and no listener behind", async () => {
  using clock = new FakeClock();
  const { signal } = new AbortController();
  const listening = new Set<unknown>();
  const { addEventListener, removeEventListener } = signal;
  Object.assign(signal, {
    addEventListener(type: string, listener: EventListener) {
      listening.add(listener);
      addEventListener.call(signal, type, listener);
    },
    removeEventListener(type: string, listener: EventListener) {
      listening.delete(listener);
      removeEventListener.call(signal, type, listener);
    },
  });
  const fixture = new Fixture({ signal, idleTimeout: 1_000 });
  const connection = await fixture.connect();
  const ended = fixture.server.shutdown({ grace: 60_000 });
  await settled();
  assertEquals([clock.timers, listening.size], [2, 1]);
  connection.end();
  await ended;
  assertEquals([clock.timers, listening.size], [0, 0]);
});

Deno.test("A listener that rejects what is pending when it is closed is no error", async () => {
  const errors: unknown[] = [];
  const pending = Promise.withResolvers<never>();
  const server = serve({
    addr: { transport: "tcp", hostname: "192.0.2.2", port: 7 },
    accept: () => pending.promise,
    close: () => pending.reject(new Error("Bad resource ID")),
  }, { onError: (error) => errors.push(error) });
  await settled();
  await server.shutdown();
  assertEquals(errors, []);
});

Deno.test("Addresses can be printed and compared, also those without a prototype", async () => {
  const plain = { transport: "tcp", hostname: "192.0.2.2", port: 7 } as const;
  const bare: typeof plain = Object.assign(Object.create(null), plain);
  const listener = Object.assign(new MemoryListener(), { addr: bare });
  const remoteAddrs: unknown[] = [];
  await using server = serve(listener, {
    onOpen: ({ remoteAddr, via }) => remoteAddrs.push(remoteAddr, via),
  });
  listener.connect(
    Object.assign(new MemoryConnection(), { remoteAddr: bare, via: bare }),
  );
  await settled();
  for (const addr of [server.addr, ...server.addrs, ...remoteAddrs]) {
    assertEquals(addr, plain);
    assertEquals(`${addr}`, "[object Object]");
  }
  assertEquals(remoteAddrs.length, 2);
});

Deno.test("serve() takes a signal of another realm", async () => {
  const listeners = new Set<() => void>();
  const signal = Object.create(null, {
    aborted: { value: false },
    addEventListener: {
      value: (_: string, listener: () => void) => listeners.add(listener),
    },
    removeEventListener: {
      value: (_: string, listener: () => void) => listeners.delete(listener),
    },
  });
  const server = serve(new MemoryListener(), { signal });
  for (const abort of listeners) abort();
  await server.finished;
  assertEquals(listeners.size, 0);
});
