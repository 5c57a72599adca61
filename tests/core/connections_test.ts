import { serve } from "../../src/core/server.ts";
import type {
  ClosedConnection,
  OpenConnection,
} from "../../src/core/serve_options.ts";
import { assert, assertEquals, assertThrows } from "../helpers/assert.ts";
import { FakeClock, settled } from "../helpers/fake_clock.ts";
import {
  MemoryConnection,
  MemoryDuplex,
  MemoryListener,
} from "../helpers/memory.ts";

/** A connection that can be reset. */
class Resettable extends MemoryDuplex {
  resets = 0;

  reset(): void {
    this.resets++;
    this.fail(new Error("Reset here"));
  }
}

/** A server with so many connections, and what it has reported. */
async function serveTo<C extends MemoryConnection>(...connections: C[]) {
  const listener = new MemoryListener();
  const opened: OpenConnection[] = [];
  const closed: ClosedConnection[] = [];
  const errors: unknown[] = [];
  const server = serve(listener, {
    onOpen: (connection) => opened.push(connection),
    onClose: (connection) => closed.push(connection),
    onError: (error) => errors.push(error),
  });
  for (const connection of connections) {
    listener.connect(connection);
    await settled();
  }
  return { server, opened, closed, errors };
}

Deno.test("connections() says who is connected, for how long, and what was echoed", async () => {
  using clock = new FakeClock();
  const one = new MemoryConnection("192.0.2.1");
  const other = new MemoryConnection("192.0.2.9");
  const { server } = await serveTo(one, other);
  one.send([1, 2, 3]);
  await clock.advance(70);
  const summary = () =>
    server.connections().map(({ id, remoteAddr, bytes, duration }) => ({
      id,
      remoteAddr,
      bytes,
      duration,
    }));
  assertEquals(summary(), [
    { id: 1, remoteAddr: one.remoteAddr, bytes: 3, duration: 70 },
    { id: 2, remoteAddr: other.remoteAddr, bytes: 0, duration: 70 },
  ]);
  one.end();
  await settled();
  assertEquals(summary().map(({ id }) => id), [2]);
  await server.close();
  assertEquals(summary(), []);
});

Deno.test("close() of a connection ends it in good order, once", async () => {
  const connection = new MemoryDuplex();
  const { server, opened, closed, errors } = await serveTo(connection);
  connection.send([1]);
  await settled();
  const [open] = opened;
  open?.close();
  open?.close();
  await settled();
  assertEquals([connection.endSent, connection.closed], [true, 0]);
  connection.end();
  await settled();
  assertEquals(connection.closed, 1);
  assertEquals(
    closed.map(({ id, bytes, reason }) => ({ id, bytes, reason })),
    [{ id: 1, bytes: 1, reason: "closed" }],
  );
  open?.close();
  assertEquals([connection.closed, errors, server.stats().failed], [1, [], 0]);
  await server.close();
});

Deno.test("reset() of a connection resets it, once, and does not close it", async () => {
  const connection = new Resettable();
  const { server, opened, closed, errors } = await serveTo(connection);
  opened[0]?.reset();
  opened[0]?.reset();
  opened[0]?.close();
  await settled();
  assertEquals([connection.resets, connection.closed], [1, 0]);
  assertEquals(closed.map(({ reason }) => reason), ["closed"]);
  assertEquals([errors, server.stats().failed], [[], 0]);
  await server.close();
});

Deno.test("reset() cuts a connection short that close() has begun to end", async () => {
  const connection = new Resettable();
  const { server, opened, closed } = await serveTo(connection);
  opened[0]?.close();
  opened[0]?.reset();
  await settled();
  assertEquals([connection.resets, connection.closed], [1, 0]);
  assertEquals(closed.map(({ reason }) => reason), ["closed"]);
  await server.close();
});

Deno.test("reset() cuts a connection short that has reached a limit, which was first", async () => {
  using clock = new FakeClock();
  const connection = new Resettable();
  const { server, opened, closed } = await serveTo(connection);
  const ended = server.shutdown({ grace: 100 });
  await clock.advance(100);
  assertEquals([connection.endSent, closed], [true, []]);
  opened[0]?.reset();
  await ended;
  assertEquals([connection.resets, connection.closed], [1, 0]);
  assertEquals(closed.map(({ reason }) => reason), ["shutdown"]);
});

Deno.test("connections() says for how long each is idle, from then on exactly to a second", async () => {
  using clock = new FakeClock();
  await clock.advance(5_000);
  const [quiet, busy] = [new MemoryConnection(), new MemoryConnection()];
  const { server } = await serveTo(quiet, busy);
  const idle = () => server.connections().map((one) => one.idle);
  await clock.advance(700);
  busy.send([1]);
  await settled();
  assertEquals(idle(), [700, 0]);
  for (const ms of [3_000, 0, 2_000]) {
    await clock.advance(ms);
    const [first = 0, second = 0] = idle();
    assertEquals(first, clock.now - 5_000);
    const since = clock.now - 5_700;
    assert(second <= since && second >= since - 1_000, `${second}`);
  }
  busy.send([2]);
  await clock.advance(2_500);
  const [, again = 0] = idle();
  assert(again <= 2_500 && again >= 1_500, `${again}`);
  await server.close();
  assertEquals(clock.timers, 0);
});

Deno.test("connections() looks after idle connections more often than a long idleTimeout", async () => {
  using clock = new FakeClock();
  const listener = new MemoryListener();
  const server = serve(listener, { idleTimeout: 100_000 });
  const connection = listener.connect();
  await settled();
  server.connections();
  connection.send([1]);
  await clock.advance(4_000);
  const [idle = 0] = server.connections().map((one) => one.idle);
  assert(idle >= 3_000 && idle <= 4_000, `${idle}`);
  await server.close();
});

Deno.test("connections() does not put off an idleTimeout, however often it is called", async () => {
  using clock = new FakeClock();
  const listener = new MemoryListener();
  await using server = serve(listener, { idleTimeout: 1_000 });
  const connection = listener.connect();
  for (let ms = 0; ms < 1_250; ms += 50) {
    await clock.advance(50);
    server.connections();
  }
  assertEquals(connection.closed, 1);
});

Deno.test("connections() starts no timer where there are none", async () => {
  using clock = new FakeClock();
  const { server } = await serveTo();
  assertEquals(server.connections(), []);
  assertEquals(clock.timers, 0);
  await server.close();
});

Deno.test("connections() says on which listener each has come in", async () => {
  const listeners = [7, 8].map((port) =>
    Object.assign(
      new MemoryListener(),
      {
        addr: { transport: "tcp", hostname: "192.0.2.2", port },
      } as const,
    )
  );
  await using server = serve(listeners);
  for (const listener of [...listeners].reverse()) {
    listener.connect();
    await settled();
  }
  assertEquals(
    server.connections().map(({ listenerAddr }) => listenerAddr),
    listeners.map(({ addr }) => addr).reverse(),
  );
});

Deno.test("reset() says so where a connection has no reset, which goes on", async () => {
  const connection = new MemoryConnection();
  const { server, opened } = await serveTo(connection);
  assertThrows(
    () => opened[0]?.reset(),
    Error,
    "Cannot reset the connection: its transport has no reset",
  );
  connection.send([7]);
  await settled();
  assertEquals(connection.received, [7]);
  await server.close();
});

Deno.test("close() of a server closes everything at once", async () => {
  const connection = new MemoryConnection();
  const { server, closed } = await serveTo(connection);
  await server.close();
  assertEquals(connection.closed, 1);
  assertEquals(closed.map(({ reason }) => reason), ["shutdown"]);
});

Deno.test("ref() and unref() of a server reach all its listeners", async () => {
  const calls: string[] = [];
  const listeners = ["a", "b"].map((name) =>
    Object.assign(new MemoryListener(), {
      ref: () => calls.push(`ref ${name}`),
      unref: () => calls.push(`unref ${name}`),
    })
  );
  await using server = serve([...listeners, new MemoryListener()]);
  server.unref();
  server.ref();
  assertEquals(calls, ["unref a", "unref b", "ref a", "ref b"]);
});

Deno.test("ref() and unref() do nothing where a listener has none", async () => {
  await using server = serve(new MemoryListener());
  server.unref();
  server.ref();
});

Deno.test("Without a connection no timer runs, whatever the limits", async () => {
  using clock = new FakeClock();
  const listener = new MemoryListener();
  const server = serve(listener, { idleTimeout: 100, maxLifetime: 500 });
  await settled();
  assertEquals(clock.timers, 0);
  for (let round = 0; round < 2; round++) {
    const connection = listener.connect();
    await settled();
    assertEquals(clock.timers, 1);
    connection.end();
    await settled();
    assertEquals(clock.timers, 0);
  }
  await server.close();
});
