import type { BenchResult } from "../../bench/bench.ts";
import {
  formatMicroseconds,
  formatNumber,
  formatPercent,
  formatRate,
} from "./format_figures.ts";

/** What is compared: one run, or the same one repeated. */
export interface Subject {
  readonly name: string;
  readonly results: readonly BenchResult[];
}

/** A figure of a result that can be compared. */
interface Metric {
  readonly name: string;
  readonly isMoreBetter: boolean;
  /** Returns the figure; null where it is not known. */
  read(result: BenchResult): number | null;
  format(value: number): string;
}

const LATENCIES = ["p50", "p90", "p99", "p99_9", "max"] as const;
const METRICS: readonly Metric[] = [
  {
    name: "messages/s",
    isMoreBetter: true,
    read: (result) => result.messagesPerSecond,
    format: formatRate,
  },
  ...LATENCIES.map((name): Metric => ({
    name: name.replace("_", "."),
    isMoreBetter: false,
    read: ({ latencyUs }) => latencyUs[name],
    format: formatMicroseconds,
  })),
  {
    name: "lost",
    isMoreBetter: false,
    read: ({ datagrams }) => datagrams && datagrams.lostPercent,
    format: formatPercent,
  },
  {
    name: "errors",
    isMoreBetter: false,
    read: ({ errors }) =>
      Object.values(errors).reduce((sum, count) => sum + count, 0),
    format: formatNumber,
  },
];

/** The chance that a verdict is one of luck, at most. */
const LUCK = 0.05;
/** The number of runs of each that are enough for that. */
const MANY = 4;

/** The least, the median and the most of a figure, over all runs. */
export interface Spread {
  readonly least: number;
  readonly median: number;
  readonly most: number;
}

/** What a comparison says of one figure. */
export interface Row {
  readonly name: string;
  /** For each subject, formatted: the median, or the median and its spread. */
  readonly cells: readonly string[];
  /** For each subject but the first, its median in relation to the first one's; null if unknown. */
  readonly ratios: readonly (number | null)[];
  /** For each subject but the first: what can be said. */
  readonly verdicts: readonly ("better" | "worse" | "")[];
}

/** Returns the spread of values; undefined without any. */
export function spreadOf(values: readonly number[]): Spread | undefined {
  const sorted = values.toSorted((a, b) => a - b);
  const [least, most] = [sorted.at(0), sorted.at(-1)];
  if (least === undefined || most === undefined) return undefined;
  const below = sorted[Math.floor((sorted.length - 1) / 2)] ?? least;
  const above = sorted[Math.ceil((sorted.length - 1) / 2)] ?? most;
  return { least, median: (below + above) / 2, most };
}

/**
 * Compares subjects with the first one. There is a verdict only where all runs of
 * one are better than all of the other, and there are so many that luck does so
 * less than once in 20 times: four of each, or three and five.
 */
export function compare(subjects: readonly Subject[]): Row[] {
  return METRICS.flatMap((metric) => {
    const values = subjects.map(({ results }) =>
      results.map((result) => metric.read(result))
        .filter((value) => value !== null)
    );
    if (values.every((each) => each.length === 0)) return [];
    const [first = [], ...others] = values;
    return [{
      name: metric.name,
      cells: values.map((each) => formatSpread(spreadOf(each), metric.format)),
      ratios: others.map((each) => ratioOf(spreadOf(each), spreadOf(first))),
      verdicts: others.map((each) => judge(each, first, metric.isMoreBetter)),
    }];
  });
}

function formatSpread(
  spread: Spread | undefined,
  format: (value: number) => string,
): string {
  if (!spread) return "–";
  const { least, median, most } = spread;
  return least === most
    ? format(median)
    : `${format(median)} (${format(least)} to ${format(most)})`;
}

function ratioOf(
  one: Spread | undefined,
  other: Spread | undefined,
): number | null {
  return one && other && other.median > 0 ? one.median / other.median : null;
}

function judge(
  values: readonly number[],
  others: readonly number[],
  isMoreBetter: boolean,
): "better" | "worse" | "" {
  const [one, other] = [spreadOf(values), spreadOf(others)];
  if (!one || !other) return "";
  if (luckOf(values.length, others.length) >= LUCK) return "";
  if (one.least > other.most) return isMoreBetter ? "better" : "worse";
  if (one.most < other.least) return isMoreBetter ? "worse" : "better";
  return "";
}

/** The chance that all of n values are beyond all of m others, of the same kind, on either side. */
function luckOf(n: number, m: number): number {
  let arrangements = 1;
  for (let i = 1; i <= n; i++) arrangements *= (m + i) / i;
  return 2 / arrangements;
}

/** Says which options the subjects do not have in common. */
export function differences(subjects: readonly Subject[]): string[] {
  const all = subjects.map(({ results }) => results[0]?.options);
  const names = new Set(all.flatMap((one) => one ? Object.keys(one) : []));
  const lines: string[] = [];
  for (const name of names) {
    const values = all.map((one) =>
      JSON.stringify(new Map(Object.entries(one ?? {})).get(name)) ?? "–"
    );
    if (new Set(values).size > 1) lines.push(`${name}: ${values.join(", ")}`);
  }
  return lines;
}

/** Says what the verdicts of a comparison mean, or why there is none. */
export function verdictOf(
  rows: readonly Row[],
  subjects: readonly Subject[],
): string {
  if (rows.some(({ verdicts }) => verdicts.some((one) => one !== ""))) {
    return "better, worse: in all of its runs than in any of A's";
  }
  return subjects.every(({ results }) => results.length >= MANY)
    ? "No verdict: in each figure the runs overlap"
    : `No verdict: that needs ${MANY} runs of each (--runs ${MANY})`;
}

/** The names of subjects in a table: A, B, …, Z, AA, … */
export function letterOf(index: number): string {
  const rest = Math.floor(index / 26);
  const letter = String.fromCharCode(65 + index % 26);
  return rest > 0 ? `${letterOf(rest - 1)}${letter}` : letter;
}
