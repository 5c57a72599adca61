import { Corrupt, flipBit } from "../../src/faults/corrupt.ts";
import { randomFor } from "../../src/faults/random.ts";
import { assert, assertEquals } from "../helpers/assert.ts";
import { MemoryConnection } from "../helpers/memory.ts";

/** The number of bits in which two bytes differ. */
function bitsOf(one = 0, other = 0): number {
  return (one ^ other).toString(2).replaceAll("0", "").length;
}

Deno.test("flipBit() flips one bit, anywhere", () => {
  const random = randomFor(1);
  const places = new Set<string>();
  for (let count = 0; count < 500; count++) {
    const bytes = new Uint8Array(3);
    flipBit(bytes, random);
    places.add(bytes.join());
    assertEquals(bytes.reduce((sum, byte) => sum + bitsOf(byte), 0), 1);
  }
  assertEquals(places.size, 24);
  flipBit(new Uint8Array(), random);
});

Deno.test("corrupt flips one bit in a share of the reads", async () => {
  const inner = new MemoryConnection();
  const connection = new Corrupt(inner, 30, randomFor(2));
  let corrupted = 0;
  for (let count = 0; count < 1_000; count++) {
    inner.send([1, 2, 3]);
    const p = new Uint8Array(8);
    assertEquals(await connection.read(p), 3);
    const bits = [1, 2, 3, 0].map((byte, index) => bitsOf(byte, p[index]))
      .reduce((sum, some) => sum + some);
    assert(bits <= 1);
    corrupted += bits;
  }
  assert(corrupted > 240 && corrupted < 360, `${corrupted}`);
  inner.end();
  assertEquals(await connection.read(new Uint8Array(1)), null);
});
