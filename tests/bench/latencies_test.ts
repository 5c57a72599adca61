import { Latencies } from "../../src/bench/latencies.ts";
import { assert, assertEquals } from "../helpers/assert.ts";

/** Whether a figure is right to three digits. */
function isAbout(figure: number, expected = NaN): boolean {
  return Math.abs(figure / expected - 1) < 0.002;
}

Deno.test("Latencies sums up, to three figures", () => {
  const latencies = new Latencies();
  for (let us = 1; us <= 10_000; us++) latencies.record(us / 1000);
  const { min, mean, max, ...percentiles } = latencies.summary();
  assertEquals(min, 1);
  assert(isAbout(mean, 5_000.5) && isAbout(max, 10_000));
  const expected = [5_000, 9_000, 9_900, 9_990, 9_999];
  for (const [index, us] of Object.values(percentiles).entries()) {
    assert(isAbout(us, expected[index]), `${us}`);
  }
});

Deno.test("Latencies has no percentile beyond the maximum", () => {
  for (const us of [2_898, 59_999_999, 12_345_678]) {
    const latencies = new Latencies();
    latencies.record(us / 1000);
    const { p50, p99_99, max } = latencies.summary();
    assert(p50 <= max && p99_99 <= max, `${us}`);
  }
});

Deno.test("Latencies takes any time, from 1 µs to 60 s", () => {
  const latencies = new Latencies();
  latencies.record(0);
  latencies.record(100_000);
  const { min, max } = latencies.summary();
  assertEquals(min, 1);
  assert(isAbout(max, 60_000_000));
  assertEquals(latencies.octaves.reduce((sum, count) => sum + count), 2);
});

Deno.test("Latencies counts by powers of two", () => {
  const latencies = new Latencies();
  for (const us of [1, 2, 3, 4, 1_023, 1_024]) latencies.record(us / 1000);
  assertEquals(latencies.octaves.slice(0, 11), [
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
  assertEquals(latencies.look(), { p50: 0, p99: 0 });
  latencies.record(0.01);
  assertEquals(latencies.look(), { p50: 10, p99: 10 });
  latencies.record(0.02);
  assertEquals(latencies.look(), { p50: 20, p99: 20 });
  assertEquals(latencies.summary().p50, 10);
});

Deno.test("Latencies is all zeros when there was none", () => {
  const all = Object.values(new Latencies().summary());
  assertEquals(all, Array(8).fill(0));
});
