import { Clock } from "../../src/faults/clock.ts";
import { Slice } from "../../src/faults/slice.ts";
import { randomFor } from "../../src/faults/random.ts";
import { assertEquals, assertRejects } from "../helpers/assert.ts";
import { FakeClock, settled } from "../helpers/fake_clock.ts";
import { MemoryConnection } from "../helpers/memory.ts";

function slice(inner: MemoryConnection, least: number, most: number): Slice {
  return new Slice(inner, [least, most], randomFor(1), new Clock());
}

/** The sizes of the pieces in which so many bytes are written. */
async function sizesOf(connection: Slice, total: number): Promise<number[]> {
  const sizes: number[] = [];
  const bytes = new Uint8Array(total);
  for (let sent = 0; sent < total;) {
    const count = await connection.write(bytes.subarray(sent));
    sizes.push(count);
    sent += count;
  }
  return sizes;
}

Deno.test("slice=3 writes 3 bytes at a time", async () => {
  const connection = slice(new MemoryConnection(), 3, 3);
  assertEquals(await sizesOf(connection, 10), [3, 3, 3, 1]);
  assertEquals(await sizesOf(connection, 4), [3, 1]);
});

Deno.test("slice=2..5 writes pieces of each of these sizes", async () => {
  const connection = slice(new MemoryConnection(), 2, 5);
  const sizes = await sizesOf(connection, 1_000);
  sizes.pop();
  assertEquals([...new Set(sizes)].sort(), [2, 3, 4, 5]);
});

Deno.test("A piece that is written in parts is not longer for it", async () => {
  const inner = new MemoryConnection();
  inner.largestWrite = 2;
  const connection = slice(inner, 3, 3);
  assertEquals(await sizesOf(connection, 7), [2, 1, 2, 1, 1]);
});

Deno.test("A millisecond passes from one piece to the next, on one timer", async () => {
  using clock = new FakeClock();
  const inner = new MemoryConnection();
  const connection = slice(inner, 1, 1);
  const writing = sizesOf(connection, 10);
  for (let count = 1; count <= 9; count++) {
    await settled();
    assertEquals([inner.received.length, clock.timers], [count, 1]);
    await clock.advance(1);
  }
  await writing;
  const waiting = connection.write(new Uint8Array(1));
  connection.close();
  await assertRejects(() => waiting, Error);
  assertEquals(clock.timers, 0);
});
