import { Histogram } from "../../src/bench/histogram.ts";
import { assert, assertEquals } from "../helpers/assert.ts";

/** A histogram of times in microseconds. */
function of(times: Iterable<number>, bits?: number): Histogram {
  const histogram = new Histogram(bits);
  for (const us of times) histogram.record(us / 1000);
  return histogram;
}

Deno.test("Histogram knows every time as exactly as it says", () => {
  for (const [bits, exactness] of [[10, 0.001], [5, 1 / 32]] as const) {
    for (let us = 1; us <= 60_000_000; us = Math.ceil(us * 1.01)) {
      const known = of([us, us, 60_000_000, 60_000_000], bits).percentile(50);
      assert(known !== null && known >= us && known <= us * (1 + exactness));
    }
  }
});

Deno.test("Histogram has the percentiles of all that was added", () => {
  const histogram = of(Array.from({ length: 1_000 }, (_, i) => i + 1));
  assertEquals([1, 50, 99, 99.9].map((p) => histogram.percentile(p)), [
    10,
    500,
    990,
    999,
  ]);
  assertEquals(histogram.percentile(99.99), null);
  assertEquals([histogram.min, histogram.mean, histogram.max], [
    1,
    500.5,
    1000,
  ]);
  assert(Math.abs(histogram.deviation - 288.675) < 0.001);
  histogram.add(of(Array(1_000).fill(2_000)).data());
  assertEquals([histogram.count, histogram.percentile(50)], [2_000, 1_000]);
  assertEquals([histogram.max, histogram.percentile(51)], [2_000, 2_000]);
  histogram.reset();
  assertEquals([histogram.count, histogram.percentile(50)], [0, null]);
});

Deno.test("Histogram has a curve that is denser towards 100 %", () => {
  const curve = of(Array.from({ length: 1_000 }, (_, i) => i + 1)).curve();
  assertEquals(curve.slice(0, 8).map(({ percent }) => percent), [
    0,
    10,
    20,
    30,
    40,
    50,
    55,
    60,
  ]);
  assertEquals(curve.at(5), { percent: 50, us: 500, messages: 500 });
  assertEquals(curve.at(-1), { percent: 100, us: 1_000, messages: 1_000 });
  for (const { percent, us, messages } of curve) {
    assert(messages >= percent * 10 && us === messages);
  }
  assertEquals(of([]).curve(), []);
  assertEquals(of([7]).curve(), [{ percent: 100, us: 7, messages: 1 }]);
});
