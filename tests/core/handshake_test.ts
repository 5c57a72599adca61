import { SecureConnection } from "../../src/core/handshake.ts";
import { serve } from "../../src/core/server.ts";
import { assert, assertEquals, assertRejects } from "../helpers/assert.ts";
import { FakeClock, settled } from "../helpers/fake_clock.ts";
import {
  MemoryConnection,
  MemoryDuplex,
  MemoryListener,
} from "../helpers/memory.ts";

Deno.test("A connection is there before its handshake, and works after it", async () => {
  using clock = new FakeClock();
  const inner = new MemoryConnection();
  const { promise, resolve } = Promise.withResolvers<void>();
  const connection = new SecureConnection(inner, promise, 10_000);
  assertEquals(connection.remoteAddr.transport, "tls");
  assertEquals(connection.pipe, undefined);
  inner.send([1, 2, 3]);
  const read = connection.read(new Uint8Array(9));
  const written = connection.write(new Uint8Array(2));
  await settled();
  assertEquals([inner.unread, inner.received], [3, []]);
  resolve();
  assertEquals([await read, await written], [3, 2]);
  assertEquals(clock.timers, 0);
  // From now on nothing lies in between.
  const writing = connection.write(new Uint8Array([7]));
  const reading = connection.read(new Uint8Array(9));
  assertEquals(inner.received, [0, 0, 7]);
  assertEquals(inner.bufferSizes.length, 2);
  inner.end();
  assertEquals([await writing, await reading], [1, null]);
});

Deno.test("The runtime's own way is taken after the handshake", async () => {
  const { promise, resolve } = Promise.withResolvers<void>();
  const calls: number[] = [];
  const inner = Object.assign(new MemoryConnection(), {
    pipe: async (onBytes: (count: number) => void) => await onBytes(5),
  });
  const connection = new SecureConnection(inner, promise, 10_000);
  const piped = connection.pipe?.((count) => calls.push(count));
  await settled();
  assertEquals(calls, []);
  resolve();
  await piped;
  assertEquals(calls, [5]);
});

Deno.test("A handshake that fails, or takes too long, fails the connection", async () => {
  using clock = new FakeClock();
  const failing = new SecureConnection(
    new MemoryConnection(),
    Promise.reject(new Error("No common cipher")),
    10_000,
  );
  await assertRejects(
    () => failing.read(new Uint8Array(1)),
    Error,
    "No common cipher",
  );
  assertEquals(clock.timers, 0);

  const never = new Promise<void>(() => {});
  const silent = new SecureConnection(new MemoryConnection(), never, 10_000);
  const read = silent.read(new Uint8Array(1));
  let over = false;
  read.catch(() => over = true);
  await clock.advance(9_999);
  assert(!over);
  await clock.advance(1);
  await assertRejects(
    () => read,
    Error,
    "TLS failed: no handshake within 10 s",
  );
  assertEquals(clock.timers, 0);
});

Deno.test("close() ends the handshake, too", async () => {
  using clock = new FakeClock();
  const inner = new MemoryConnection();
  const never = new Promise<void>(() => {});
  const connection = new SecureConnection(inner, never, 10_000);
  const read = connection.read(new Uint8Array(1));
  connection.close();
  await assertRejects(() => read, Error, "Connection closed");
  assertEquals([inner.closed, clock.timers], [1, 0]);
});

Deno.test("closeWrite() works after the handshake, and fails before it", async () => {
  const inner = new MemoryDuplex();
  const { promise, resolve } = Promise.withResolvers<void>();
  const connection = new SecureConnection(inner, promise, 10_000);
  await assertRejects(
    async () => await connection.closeWrite?.(),
    Error,
    "The TLS handshake is not done",
  );
  assertEquals(inner.endSent, false);
  resolve();
  await settled();
  await connection.closeWrite?.();
  assertEquals(inner.endSent, true);
  inner.refusal = new Error("boom");
  await assertRejects(
    async () => await connection.closeWrite?.(),
    Error,
    "boom",
  );
});

Deno.test("reset() resets what is below, and ends the handshake", async () => {
  using clock = new FakeClock();
  let resets = 0;
  const inner = Object.assign(new MemoryConnection(), {
    reset: () => void resets++,
  });
  const never = new Promise<void>(() => {});
  const connection = new SecureConnection(inner, never, 10_000);
  const read = connection.read(new Uint8Array(1));
  connection.reset?.();
  await assertRejects(() => read, Error, "Connection closed");
  assertEquals([resets, inner.closed, clock.timers], [1, 0, 0]);
});

Deno.test("A connection can over TLS what it can without, and no more", async () => {
  const done = Promise.resolve();
  const plain = new SecureConnection(new MemoryConnection(), done, 10_000);
  const { pipe, closeWrite, reset, delivered } = plain;
  assertEquals([pipe, closeWrite, reset, delivered], Array(4).fill(undefined));
  let asked = 0;
  const inner = Object.assign(new MemoryConnection(), {
    delivered: () => Promise.resolve(void asked++),
  });
  await new SecureConnection(inner, done, 10_000).delivered?.();
  assertEquals(asked, 1);
  const unix = Object.assign(new MemoryConnection(), {
    remoteAddr: { transport: "unix", path: "" } as const,
  });
  assertEquals(
    new SecureConnection(unix, done, 10_000).remoteAddr,
    unix.remoteAddr,
  );
});

Deno.test("A handshake that fails while nobody reads is no error of its own", async () => {
  const failed = Promise.reject(new Error("No common cipher"));
  new SecureConnection(new MemoryConnection(), failed, 10_000);
  await settled();
});

Deno.test("A server counts a client without a handshake as failed, and goes on", async () => {
  using clock = new FakeClock();
  const listener = new MemoryListener();
  const silent = listener.connect();
  const never = new Promise<void>(() => {});
  const errors: unknown[] = [];
  await using server = serve({
    addr: listener.addr,
    async accept() {
      const connection = await listener.accept();
      return connection === silent
        ? new SecureConnection(silent, never, 10_000)
        : connection;
    },
    close: () => listener.close(),
  }, {
    maxConnections: 1,
    onClose: ({ reason, error }) =>
      errors.push(reason === "handshake" && error),
  });
  const next = listener.connect();
  next.send([1]);
  await clock.advance(10_000);
  assertEquals([silent.closed, server.stats().failed], [1, 1]);
  assertEquals(errors, ["no handshake within 10 s"]);
  assertEquals(next.received, [1]);
});
