import { Histogram } from "../../src/bench/histogram.ts";
import { Latencies, summarize } from "../../src/bench/latencies.ts";
import { assert, assertEquals } from "../helpers/assert.ts";

/** Whether a figure is right to three digits. */
function isAbout(figure: number | null, expected = NaN): boolean {
  return figure !== null && Math.abs(figure / expected - 1) < 0.002;
}

Deno.test("Latencies sums up, to three figures", () => {
  const latencies = new Latencies();
  for (let us = 1; us <= 10_000; us++) latencies.record(us / 1000);
  const { min, mean, deviation: _, max, ...percentiles } = summarize(
    latencies.all(),
  );
  assertEquals(min, 1);
  assert(isAbout(mean, 5_000.5) && isAbout(max, 10_000));
  const expected = [5_000, 7_500, 9_000, 9_500, 9_900, 9_990, 9_999];
  for (const [index, us] of Object.values(percentiles).entries()) {
    assert(isAbout(us, expected[index]), `${us}`);
  }
});

Deno.test("Latencies has no percentile beyond the maximum", () => {
  for (const us of [2_898, 59_999_999, 12_345_678]) {
    const latencies = new Latencies();
    for (let i = 0; i < 10_000; i++) latencies.record(us / 1000);
    const { p50, p99_99, max } = summarize(latencies.all());
    assertEquals([p50, p99_99], [max, max], `${us}`);
  }
});

Deno.test("Latencies takes any time, from 1 µs to 60 s", () => {
  const latencies = new Latencies();
  latencies.record(0);
  latencies.record(100_000);
  const { min, max } = summarize(latencies.all());
  assertEquals(min, 1);
  assert(isAbout(max, 60_000_000));
  assertEquals(
    latencies.all().octaves().reduce((sum, count) => sum + count),
    2,
  );
});

Deno.test("Latencies counts by powers of two", () => {
  const latencies = new Latencies();
  for (const us of [1, 2, 3, 4, 1_023, 1_024]) latencies.record(us / 1000);
  assertEquals(latencies.all().octaves().slice(0, 11), [
    1,
    2,
    1,
    0,
    0,
    0,
    0,
    0,
    0,
    1,
    1,
  ]);
});

Deno.test("Latencies looks at what has been added since the last look", () => {
  const latencies = new Latencies();
  const recordMany = (ms: number) => {
    for (let i = 0; i < 100; i++) latencies.record(ms);
  };
  assertEquals(latencies.look(), { p50Us: null, p99Us: null, maxUs: null });
  recordMany(0.01);
  assertEquals(latencies.look(), { p50Us: 10, p99Us: 10, maxUs: 10 });
  recordMany(0.02);
  assertEquals(latencies.look(), { p50Us: 20, p99Us: 20, maxUs: 20 });
  assertEquals(summarize(latencies.all()).p50, 10);
});

Deno.test("Latencies has only the percentiles that something can be beyond", () => {
  const latencies = new Latencies();
  const known = () => {
    const { min: _, mean: __, deviation: ___, max: ____, ...all } = summarize(
      latencies.all(),
    );
    return Object.values(all).filter((one) => one !== null).length;
  };
  const expected: Record<number, number> = {
    1: 0,
    2: 1,
    3: 1,
    4: 2,
    9: 2,
    10: 3,
    19: 3,
    20: 4,
    99: 4,
    100: 5,
    999: 5,
    1_000: 6,
    9_999: 6,
    10_000: 7,
  };
  for (let count = 1; count <= 10_000; count++) {
    latencies.record(1);
    const percentiles = expected[count];
    if (percentiles) assertEquals(known(), percentiles, `${count}`);
  }
});

Deno.test("Latencies is all null when there was none", () => {
  const all = Object.values(summarize(new Histogram()));
  assertEquals(all, Array(11).fill(null));
});
