import type { BenchResult } from "../../../src/bench/bench.ts";
import { formatComparison } from "../../../src/cli/bench/compare_runs.ts";
import {
  compare,
  differences,
  letterOf,
  type Subject,
} from "../../../src/cli/bench/comparison.ts";
import { formatSpreads, spreads } from "../../../src/cli/bench/runs.ts";
import { assertEquals } from "../../helpers/assert.ts";
import { RESULT } from "../../helpers/bench_result.ts";

/** Runs with these rates, and p99 in microseconds. */
function subject(
  name: string,
  rates: readonly number[],
  p99s: readonly (number | null)[],
): Subject {
  const results = rates.map((messagesPerSecond, i): BenchResult => ({
    ...RESULT,
    messagesPerSecond,
    latencyUs: { ...RESULT.latencyUs, p99: p99s[i] ?? null },
  }));
  return { name, results };
}

/** The ratio and the verdict of a figure. */
function found(name: string, ...subjects: Subject[]) {
  const row = compare(subjects).find((row) => row.name === name);
  return [row?.ratios[0], row?.verdicts[0]];
}

const fast = subject("fast", [400, 410, 420, 430], [10, 11, 12, 13]);
const slow = subject("slow", [200, 210, 220, 230], [20, 22, 24, 26]);
const mixed = subject("mixed", [210, 210, 220, 415], [10, 11, 12, 27]);

Deno.test("compare() has a verdict where the runs do not overlap", () => {
  assertEquals(found("messages/s", fast, slow), [215 / 415, "worse"]);
  assertEquals(found("messages/s", slow, fast), [415 / 215, "better"]);
  assertEquals(found("p99", fast, slow), [2, "worse"]);
  assertEquals(found("p99", slow, fast), [0.5, "better"]);
});

Deno.test("compare() has no verdict where they overlap, or are too few", () => {
  assertEquals(found("messages/s", fast, mixed)[1], "");
  assertEquals(found("p50", fast, slow), [1, ""]);
  const few = { ...slow, results: slow.results.slice(0, 3) };
  assertEquals(found("messages/s", fast, few)[1], "");
  // Three and five are as good as four and four.
  const five = subject("five", [400, 410, 420, 430, 440], [1, 1, 1, 1, 1]);
  assertEquals(found("messages/s", five, few)[1], "worse");
});

Deno.test("compare() leaves out what nobody knows, and is not stopped by what one does not", () => {
  const unknown = subject("unknown", [200], [null]);
  assertEquals(compare([unknown, fast]).map(({ name }) => name), [
    "messages/s",
    "p50",
    "p90",
    "p99",
    "p99.9",
    "max",
    "errors",
  ]);
  assertEquals(found("p99", unknown, fast), [null, ""]);
  assertEquals(compare([unknown, unknown]).map(({ name }) => name), [
    "messages/s",
    "p50",
    "p90",
    "p99.9",
    "max",
    "errors",
  ]);
});

Deno.test("formatComparison() shows what is compared, and what can be said", () => {
  const other = {
    ...slow,
    results: slow.results.map((result) => ({
      ...result,
      options: { ...result.options, connections: 100 },
    })),
  };
  assertEquals(
    formatComparison([fast, other]),
    `A  fast: tcp://127.0.0.1:7, 4 runs, echod ${RESULT.version} on deno 2.9.6
B  slow: tcp://127.0.0.1:7, 4 runs, echod ${RESULT.version} on deno 2.9.6
Warning: they differ in connections: 50, 100

            A                         B                       B/A
messages/s  415 (400 to 430)          215 (200 to 230)        0.52  worse
p50         340 µs                    340 µs                  1.00
p90         400 µs                    400 µs                  1.00
p99         11.5 µs (10 µs to 13 µs)  23 µs (20 µs to 26 µs)  2.00  worse
p99.9       12.3 ms                   12.3 ms                 1.00
max         1.23 s                    1.23 s                  1.00
errors      0                         0                       –

better, worse: in all of its runs than in any of A's
`,
  );
  assertEquals(
    formatComparison([subject("one", [1], [1]), slow]).split("\n").at(-2),
    "No verdict: that needs 4 runs of each (--runs 4)",
  );
  assertEquals(
    formatComparison([fast, fast]).split("\n").at(-2),
    "No verdict: in each figure the runs overlap",
  );
});

Deno.test("differences() names the options that are not the same", () => {
  assertEquals(differences([fast, slow]), []);
});

Deno.test("letterOf() names any number of subjects", () => {
  assertEquals([0, 25, 26, 701].map(letterOf), ["A", "Z", "AA", "ZZ"]);
});

Deno.test("the spread of runs has the least, the median and the most", () => {
  assertEquals(spreads(mixed.results), {
    messagesPerSecond: { least: 210, median: 215, most: 415 },
    p50Us: { least: 340, median: 340, most: 340 },
    p99Us: { least: 10, median: 11.5, most: 27 },
    maxUs: { least: 1_234_567, median: 1_234_567, most: 1_234_567 },
  });
  assertEquals(
    formatSpreads(mixed.results),
    `4 runs             least      median        most
messages/s           210         215         415
p50               340 µs      340 µs      340 µs
p99                10 µs     11.5 µs       27 µs
max               1.23 s      1.23 s      1.23 s
`,
  );
  const unknown = subject("unknown", [200], [null]);
  assertEquals(spreads(unknown.results)["p99Us"], null);
});
