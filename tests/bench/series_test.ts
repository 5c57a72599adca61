import { Series } from "../../src/bench/series.ts";
import { assertEquals } from "../helpers/assert.ts";
import { FakeClock } from "../helpers/fake_clock.ts";

const look = { p50Us: 1, p99Us: 2, maxUs: 3 };
const nothing = { messages: 0, bytes: 0, errors: 0, lost: 0 };

Deno.test("Series has what happened in each second", () => {
  using clock = new FakeClock();
  const series = new Series(2_500, { ...nothing, errors: 1 });
  clock.now = 1_000;
  series.add({ messages: 10, bytes: 640, errors: 1, lost: 2 }, look);
  clock.now = 2_000.4;
  series.add({ messages: 30, bytes: 1_920, errors: 65, lost: 2 }, look);
  clock.now = 2_500;
  series.finish({ messages: 31, bytes: 1_984, errors: 65, lost: 3 }, look);
  assertEquals(series.seconds, [
    { atMs: 1_000, messages: 10, bytes: 640, ...look, errors: 0, lost: 2 },
    { atMs: 2_000, messages: 20, bytes: 1_280, ...look, errors: 64, lost: 0 },
    { atMs: 2_500, messages: 1, bytes: 64, ...look, errors: 0, lost: 1 },
  ]);
});

Deno.test("Series has no second in which nothing is left to come", () => {
  const series = new Series(1_000, nothing);
  series.finish(nothing, look);
  assertEquals(series.seconds, []);
});

Deno.test("Series leaves it to the last second to be longer, rather than a fragment", () => {
  using clock = new FakeClock();
  const series = new Series(3_000, nothing);
  const atEnd = [1_000, 2_000, 2_600, 3_400, 4_000].map((now) => {
    clock.now = now;
    return series.isAtEnd;
  });
  assertEquals(atEnd, [false, false, true, true, false]);
});
