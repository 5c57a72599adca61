import { jain } from "../../src/bench/fairness.ts";
import { assertEquals } from "../helpers/assert.ts";

Deno.test("jain() is 1 for equals, and 1 / n where one of n has everything", () => {
  assertEquals(jain([5, 5, 5, 5]), 1);
  assertEquals(jain([8, 0, 0, 0]), 0.25);
  assertEquals(jain([1, 2, 3]), 36 / 42);
  assertEquals([jain([]), jain([0, 0])], [1, 1]);
});
