import type { BenchResult } from "../../bench/bench.ts";

/** The digits of the histogram behind it, as HdrHistogram counts. */
const BUCKETS = { count: 16, subBuckets: 2048 };

/**
 * Formats the latencies as HdrHistogram's percentile text, in milliseconds: what
 * its plotter reads.
 */
export function formatHgrm(
  { curve, messages, latencyUs }: BenchResult,
): string {
  const lines = [
    "       Value     Percentile TotalCount 1/(1-Percentile)",
    "",
    ...curve.map(({ percent, us, messages }) => {
      const line = `${milliseconds(us, 12)} ${
        (percent / 100).toFixed(12).padStart(14)
      } ${String(messages).padStart(10)}`;
      // The last one has no rest.
      return percent === 100
        ? line
        : `${line} ${(100 / (100 - percent)).toFixed(2).padStart(14)}`;
    }),
    `#[Mean    = ${milliseconds(latencyUs.mean, 12)}, StdDeviation   = ${
      milliseconds(latencyUs.deviation, 12)
    }]`,
    `#[Max     = ${milliseconds(latencyUs.max, 12)}, Total count    = ${
      String(messages).padStart(12)
    }]`,
    `#[Buckets = ${String(BUCKETS.count).padStart(12)}, SubBuckets     = ${
      String(BUCKETS.subBuckets).padStart(12)
    }]`,
  ];
  return lines.map((line) => `${line}\n`).join("");
}

function milliseconds(us: number | null, width: number): string {
  return ((us ?? 0) / 1000).toFixed(3).padStart(width);
}
