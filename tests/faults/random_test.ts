import { isIn, randomFor } from "../../src/faults/random.ts";
import { assert, assertEquals } from "../helpers/assert.ts";

function draw(random: () => number): number[] {
  return Array.from({ length: 1_000 }, random);
}

Deno.test("randomFor() repeats itself for the same seed and purpose only", () => {
  assertEquals(draw(randomFor(1, 2, "drop")), draw(randomFor(1, 2, "drop")));
  const all = [
    randomFor(1, 2, "drop"),
    randomFor(2, 2, "drop"),
    randomFor(1, 3, "drop"),
    randomFor(1, 2, "delay"),
    randomFor(2 ** 32 - 1, 2, "drop"),
  ];
  assertEquals(new Set(all.map((random) => random())).size, all.length);
});

Deno.test("randomFor() spreads its numbers evenly from 0 to less than 1", () => {
  for (const seed of [0, 1, 2 ** 31, 2 ** 32 - 1]) {
    const tenths = new Array<number>(10).fill(0);
    for (const number of draw(randomFor(seed))) {
      assert(number >= 0 && number < 1);
      const tenth = Math.floor(number * 10);
      tenths[tenth] = (tenths[tenth] ?? 0) + 1;
    }
    for (const count of tenths) assert(count > 60 && count < 140, `${tenths}`);
  }
});

Deno.test("isIn() takes all of 100 percent, and nothing of 0", () => {
  const random = randomFor(7);
  const share = (percent: number) =>
    Array.from({ length: 1_000 }, () => isIn(percent, random))
      .filter(Boolean).length;
  assertEquals([share(0), share(100)], [0, 1_000]);
  const tenth = share(10);
  assert(tenth > 60 && tenth < 140, `${tenth}`);
});
