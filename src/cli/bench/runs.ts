import type { BenchResult } from "../../bench/bench.ts";
import { type Spread, spreadOf } from "./comparison.ts";
import { formatMicroseconds, formatRate } from "./format_figures.ts";

/** The figures whose spread is shown, by their names in JSON. */
const FIGURES = {
  messagesPerSecond: {
    name: "messages/s",
    read: (result: BenchResult) => result.messagesPerSecond,
    format: formatRate,
  },
  p50Us: {
    name: "p50",
    read: ({ latencyUs }: BenchResult) => latencyUs.p50,
    format: formatMicroseconds,
  },
  p99Us: {
    name: "p99",
    read: ({ latencyUs }: BenchResult) => latencyUs.p99,
    format: formatMicroseconds,
  },
  maxUs: {
    name: "max",
    read: ({ latencyUs }: BenchResult) => latencyUs.max,
    format: formatMicroseconds,
  },
} as const;

/** Runs something several times, until it gives no result. */
export async function repeat(
  count: number,
  run: () => Promise<BenchResult | undefined>,
  onResult: (result: BenchResult, number: number) => Promise<void>,
): Promise<BenchResult[]> {
  const results: BenchResult[] = [];
  while (results.length < count) {
    const result = await run();
    if (!result) break;
    results.push(result);
    await onResult(result, results.length);
  }
  return results;
}

/** Returns the least, the median and the most of each figure; null where none is known. */
export function spreads(
  results: readonly BenchResult[],
): Record<string, Spread | null> {
  return Object.fromEntries(
    Object.entries(FIGURES).map(([name, { read }]) => {
      const values = results.map(read).filter((value) => value !== null);
      return [name, spreadOf(values) ?? null];
    }),
  );
}

/** Formats the spread as a table. */
export function formatSpreads(results: readonly BenchResult[]): string {
  const all = spreads(results);
  const row = (cells: readonly string[]) =>
    cells.map((cell, i) => i === 0 ? cell.padEnd(12) : cell.padStart(12))
      .join("").trimEnd();
  const lines = [
    row([
      results.length === 1 ? "1 run" : `${results.length} runs`,
      "least",
      "median",
      "most",
    ]),
    ...Object.entries(FIGURES).map(([key, { name, format }]) => {
      const spread = all[key];
      return row([
        name,
        ...spread
          ? [spread.least, spread.median, spread.most].map(format)
          : ["–", "–", "–"],
      ]);
    }),
  ];
  return lines.map((line) => `${line}\n`).join("");
}
