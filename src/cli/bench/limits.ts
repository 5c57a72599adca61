import type { BenchResult } from "../../bench/bench.ts";
import {
  formatMicroseconds,
  formatPercent,
  formatRate,
} from "./format_figures.ts";

/** What a result has to keep for the exit code 0. */
export interface Limits {
  /** Per cent of datagrams; undefined for none. */
  readonly maxLoss?: number | undefined;
  /** Milliseconds. */
  readonly maxP99?: number | undefined;
  /** Messages a second. */
  readonly minRate?: number | undefined;
}

/** Says which limits a result does not keep, a line for each. */
export function exceeded(
  { datagrams, latencyUs, messagesPerSecond }: BenchResult,
  { maxLoss = 0, maxP99, minRate }: Limits,
): string[] {
  const lines: string[] = [];
  if (datagrams && datagrams.lostPercent > maxLoss) {
    lines.push(
      `${formatPercent(datagrams.lostPercent)} of the datagrams were lost: ` +
        `--max-loss accepts ${formatPercent(maxLoss)}`,
    );
  }
  if (maxP99 !== undefined && !isWithin(latencyUs.p99, maxP99 * 1000)) {
    const limit = formatMicroseconds(maxP99 * 1000);
    lines.push(
      latencyUs.p99 === null
        ? `The p99 is not known, of fewer than 100 messages: --max-p99 accepts ${limit}`
        : `The p99 is ${
          formatMicroseconds(latencyUs.p99)
        }: --max-p99 accepts ${limit}`,
    );
  }
  if (minRate !== undefined && messagesPerSecond < minRate) {
    lines.push(
      `${formatRate(messagesPerSecond)} messages/s came back: ` +
        `--min-rate accepts ${formatRate(minRate)} or more`,
    );
  }
  return lines;
}

function isWithin(us: number | null, limit: number): boolean {
  return us !== null && us <= limit;
}
