import { fill, restOf } from "../../src/core/rest.ts";
import { assertEquals } from "../helpers/assert.ts";
import { pattern } from "../helpers/client.ts";

Deno.test("fill() and restOf() hand out a chunk in pieces, and no byte twice", () => {
  for (const size of [1, 2, 3, 5, 6, 7]) {
    const read: number[] = [];
    const sizes: number[] = [];
    const p = new Uint8Array(size);
    for (let rest: Uint8Array | undefined = pattern(6); rest;) {
      const count = fill(p, rest);
      read.push(...p.subarray(0, count));
      sizes.push(count);
      rest = restOf(rest, count);
    }
    assertEquals(read, [...pattern(6)]);
    assertEquals(sizes.length, Math.ceil(6 / size));
  }
});

Deno.test("fill() leaves the buffer behind the chunk as it is", () => {
  const p = new Uint8Array(4).fill(9);
  assertEquals(fill(p, new Uint8Array([1, 2])), 2);
  assertEquals([...p], [1, 2, 9, 9]);
  assertEquals(fill(p, new Uint8Array()), 0);
  assertEquals(fill(new Uint8Array(), p), 0);
});

Deno.test("restOf() copies nothing, and keeps nothing of what is over", () => {
  const chunk = pattern(3);
  assertEquals(restOf(chunk, 0)?.buffer, chunk.buffer);
  assertEquals(restOf(chunk, 2), chunk.subarray(2));
  assertEquals(restOf(chunk, 3), undefined);
  assertEquals(restOf(new Uint8Array(), 0), undefined);
});
