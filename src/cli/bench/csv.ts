import type { BenchResult } from "../../bench/bench.ts";

/** Formats the series of a result: a line for each second, after one with the names. */
export function formatCsv({ series }: BenchResult): string {
  const names = [
    "atMs",
    "messages",
    "bytes",
    "p50Us",
    "p99Us",
    "maxUs",
    "errors",
    "lost",
  ] as const;
  const lines = [
    names.join(","),
    // What is not known is empty.
    ...series.map((second) =>
      names.map((name) => second[name] ?? "").join(",")
    ),
  ];
  return lines.map((line) => `${line}\n`).join("");
}
