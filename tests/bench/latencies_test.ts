import { Latencies } from "../../src/bench/latencies.ts";
import { assert, assertEquals } from "../helpers/assert.ts";

/** Whether a figure is right to three digits. */
function isAbout(figure: number | null, expected = NaN): boolean {
  return figure !== null && Math.abs(figure / expected - 1) < 0.002;
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
    for (let i = 0; i < 10_000; i++) latencies.record(us / 1000);
    const { p50, p99_99, max } = latencies.summary();
    assertEquals([p50, p99_99], [max, max], `${us}`);
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
  const recordMany = (ms: number) => {
    for (let i = 0; i < 100; i++) latencies.record(ms);
  };
  assertEquals(latencies.look(), { p50: null, p99: null });
  recordMany(0.01);
  assertEquals(latencies.look(), { p50: 10, p99: 10 });
  recordMany(0.02);
  assertEquals(latencies.look(), { p50: 20, p99: 20 });
  assertEquals(latencies.summary().p50, 10);
});

Deno.test("Latencies has only the percentiles that something can be beyond", () => {
  const latencies = new Latencies();
  const known = () => {
    const { min: _, mean: __, max: ___, ...all } = latencies.summary();
    return Object.values(all).filter((one) => one !== null).length;
  };
  const expected: Record<number, number> = {
    1: 0,
    2: 1,
    9: 1,
    10: 2,
    99: 2,
    100: 3,
    999: 3,
    1_000: 4,
    9_999: 4,
    10_000: 5,
  };
  for (let count = 1; count <= 10_000; count++) {
    latencies.record(1);
    const percentiles = expected[count];
    if (percentiles) assertEquals(known(), percentiles, `${count}`);
  }
});

Deno.test("Latencies is all null when there was none", () => {
  const all = Object.values(new Latencies().summary());
  assertEquals(all, Array(8).fill(null));
});
