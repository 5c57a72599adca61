import { echo } from "../../src/core/echo.ts";
import { Turnstile } from "../../src/core/turnstile.ts";
import type { Connection } from "../../src/core/transport.ts";
import { Clock } from "../../src/faults/clock.ts";
import { Delay } from "../../src/faults/delay.ts";
import { randomFor } from "../../src/faults/random.ts";
import { assert, assertEquals, assertRejects } from "../helpers/assert.ts";
import { FakeClock, settled } from "../helpers/fake_clock.ts";
import {
  MemoryConnection,
  MemoryDuplex,
  systemError,
} from "../helpers/memory.ts";

const OPTIONS = { delay: 50, jitter: 0, window: 1024 * 1024 };

function delayed(
  inner: Connection,
  options: Partial<typeof OPTIONS> = {},
): Delay {
  const all = { ...OPTIONS, ...options };
  return new Delay(inner, all, randomFor(1), new Clock(), new Turnstile());
}

Deno.test("delay holds each byte back from when it came, and the end too", async () => {
  using clock = new FakeClock();
  const inner = new MemoryConnection();
  const moved: [number, number][] = [];
  let ended = false;
  const done = echo(delayed(inner), (count) => moved.push([clock.now, count]))
    .then(() => ended = true);
  for (const byte of [1, 2, 3]) {
    inner.send([byte]);
    await clock.advance(20);
  }
  inner.end();
  await clock.advance(49);
  assertEquals([inner.received, ended], [[1, 2, 3], false]);
  await clock.advance(1);
  await done;
  assertEquals(moved, [[0, 0], [20, 0], [40, 0], [50, 1], [70, 1], [90, 1]]);
  assertEquals(clock.timers, 0);
});

Deno.test("delay gives the same to a caller of read()", async () => {
  using clock = new FakeClock();
  const inner = new MemoryConnection();
  const connection = delayed(inner);
  const p = new Uint8Array(2);
  const first = connection.read(p);
  inner.send([1, 2, 3]);
  inner.end();
  await clock.advance(49);
  assertEquals(p[0], 0);
  await clock.advance(1);
  assertEquals([await first, [...p]], [2, [1, 2]]);
  assertEquals([await connection.read(p), p[0]], [1, 3]);
  assertEquals(await connection.read(p), null);
  assertEquals(await connection.read(p), null);
});

Deno.test("jitter keeps the order, and the bounds", async () => {
  using clock = new FakeClock();
  const times = new Set<number>();
  for (let count = 0; count < 20; count++) {
    const inner = new MemoryConnection();
    const options = { ...OPTIONS, delay: 50, jitter: 10 };
    const random = randomFor(count);
    const connection = new Delay(
      inner,
      options,
      random,
      new Clock(),
      new Turnstile(),
    );
    const start = clock.now;
    let came = NaN;
    const done = echo(connection, (count) => {
      if (count > 0) came = clock.now - start;
    });
    inner.send([1]);
    await settled();
    inner.send([2]);
    await settled();
    inner.send([3]);
    inner.end();
    await clock.advance(100);
    await done;
    assertEquals(inner.received, [1, 2, 3]);
    assert(came >= 39 && came <= 61, `${came}`);
    times.add(Math.round(came));
  }
  assert(times.size > 5, `${times.size}`);
  // Some are shorter, and some are longer.
  assert(Math.min(...times) < 50 && Math.max(...times) > 50);
});

Deno.test("delay holds a window at most, and then reads no more", async () => {
  using clock = new FakeClock();
  const inner = new MemoryConnection();
  const connection = delayed(inner, { window: 10_000 });
  const done = echo(connection);
  inner.send(new Uint8Array(100_000));
  await settled();
  const held = 100_000 - inner.unread;
  assert(held >= 10_000 - 128 && held < 10_000 + 64 * 1024, `${held}`);
  await clock.advance(50);
  assertEquals(inner.received.length, held);
  inner.end();
  await clock.advance(1_000);
  await done;
  assertEquals(inner.received.length, 100_000);
});

Deno.test("Single bytes cost a window what they cost in memory", async () => {
  using clock = new FakeClock();
  const inner = new MemoryConnection();
  const connection = delayed(inner, { window: 1290 });
  const done = echo(connection).catch(() => {});
  for (let count = 0; count < 20; count++) {
    inner.send([count]);
    await settled();
  }
  assertEquals(inner.unread, 10);
  connection.close();
  await done;
  assertEquals(clock.timers, 0);
});

Deno.test("A failure comes at once", async () => {
  using clock = new FakeClock();
  const inner = new MemoryConnection();
  const done = echo(delayed(inner));
  inner.send([1]);
  await settled();
  inner.fail(systemError("ECONNRESET"));
  inner.take();
  const error = await assertRejects(() => done, Error, "ECONNRESET");
  assert(error);
  assertEquals([inner.received, clock.timers], [[], 0]);
});

Deno.test("After the end is sent, a delayed pipe drops what comes", async () => {
  using clock = new FakeClock();
  const inner = new MemoryDuplex();
  const connection = delayed(inner);
  let sent = 0;
  const done = echo(connection, (count) => sent += count);
  inner.send([1]);
  await clock.advance(50);
  inner.send([2]);
  await settled();
  await connection.closeWrite?.();
  inner.send([3]);
  await clock.advance(100);
  assertEquals([inner.received, inner.unread, inner.endSent], [[1], 0, true]);
  inner.end();
  await clock.advance(50);
  await done;
  assertEquals(sent, 1);
});

Deno.test("delay frees at once what it holds when the end is sent", async () => {
  using clock = new FakeClock();
  const inner = new MemoryDuplex();
  const connection = delayed(inner, { window: 1_000 });
  const done = echo(connection);
  inner.send(new Uint8Array(100_000));
  await settled();
  assert(inner.unread > 0);
  await connection.closeWrite?.();
  await settled();
  assertEquals([inner.unread, inner.received], [0, []]);
  inner.send(new Uint8Array(100_000));
  await settled();
  assertEquals(inner.unread, 0);
  inner.end();
  await clock.advance(50);
  await done;
});

Deno.test("delay begins no other write once the end is sent", async () => {
  using clock = new FakeClock();
  const writing = Promise.withResolvers<number>();
  const sizes: number[] = [];
  const inner = Object.assign(new MemoryDuplex(), {
    write(p: Uint8Array) {
      sizes.push(p.length);
      return writing.promise;
    },
  });
  const connection = delayed(inner);
  const counts: number[] = [];
  const done = echo(connection, (count) => counts.push(count));
  inner.send([1, 2, 3]);
  await clock.advance(50);
  await connection.closeWrite?.();
  writing.resolve(1);
  inner.end();
  await clock.advance(50);
  await done;
  assertEquals([sizes, counts], [[3], [0, 1]]);
});

Deno.test("delay is over when a write fails, unless the end was sent before", async () => {
  for (const isEnded of [false, true]) {
    using clock = new FakeClock();
    const writing = Promise.withResolvers<number>();
    const inner = Object.assign(new MemoryDuplex(), {
      write: () => writing.promise,
    });
    const connection = delayed(inner);
    const done = echo(connection);
    inner.send([1]);
    await clock.advance(50);
    if (isEnded) await connection.closeWrite?.();
    writing.reject(systemError("EPIPE"));
    if (!isEnded) await assertRejects(() => done, Error, "EPIPE");
    inner.end();
    await clock.advance(50);
    if (isEnded) await done;
  }
});

Deno.test("delay ends a read when it is closed, though the connection's does not", async () => {
  using clock = new FakeClock();
  let reads = 0;
  const connection = delayed({
    remoteAddr: new MemoryConnection().remoteAddr,
    read: () => {
      reads++;
      return new Promise<never>(() => {});
    },
    write: (p) => Promise.resolve(p.length),
    close() {},
  });
  const reading = connection.read(new Uint8Array(1));
  connection.close();
  await assertRejects(() => reading, Error, "Connection closed");
  assertEquals([reads, clock.timers], [1, 0]);
});

Deno.test("delay has one read under way at a time", async () => {
  using clock = new FakeClock();
  const inner = new MemoryConnection();
  const connection = delayed(inner);
  inner.send([1]);
  const first = connection.read(new Uint8Array(1));
  await clock.advance(50);
  await first;
  const second = connection.read(new Uint8Array(1));
  await settled();
  // The first byte and what is pending.
  assertEquals(inner.bufferSizes.length, 2);
  connection.close();
  await assertRejects(() => second, Error, "Connection closed");
});
