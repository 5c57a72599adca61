import { Slice } from "../../src/faults/slice.ts";
import { randomFor } from "../../src/faults/random.ts";
import { assertEquals } from "../helpers/assert.ts";
import { MemoryConnection } from "../helpers/memory.ts";

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
  const inner = new MemoryConnection();
  const connection = new Slice(inner, [3, 3], randomFor(1));
  assertEquals(await sizesOf(connection, 10), [3, 3, 3, 1]);
  // What was short before is made up for: the piece ends here.
  assertEquals(await sizesOf(connection, 4), [2, 2]);
});

Deno.test("slice=2..5 writes pieces of each of these sizes", async () => {
  const connection = new Slice(new MemoryConnection(), [2, 5], randomFor(1));
  const sizes = await sizesOf(connection, 1_000);
  sizes.pop();
  assertEquals([...new Set(sizes)].sort(), [2, 3, 4, 5]);
});

Deno.test("A piece that is written in parts is not longer for it", async () => {
  const inner = new MemoryConnection();
  inner.largestWrite = 2;
  const connection = new Slice(inner, [3, 3], randomFor(1));
  assertEquals(await sizesOf(connection, 7), [2, 1, 2, 1, 1]);
});
