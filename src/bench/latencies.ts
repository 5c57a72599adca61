import { createHistogram } from "node:perf_hooks";

/** The longest latency that is recorded exactly, in microseconds: a minute. */
const LONGEST = 60_000_000;
/** Beyond that there is room for what it is rounded up to. */
const RANGE = { lowest: 1, highest: 2 * LONGEST, figures: 3 };
/** The number of powers of two in that range. */
const OCTAVES = 26;

/**
 * How long echoes took, in microseconds. All are null when there was none, and a
 * percentile is null when there were too few for one to be beyond it: the 99th
 * needs 100.
 */
export interface LatencySummary {
  /** The shortest. */
  readonly min: number | null;
  /** The mean. */
  readonly mean: number | null;
  /** Half of them took no longer. */
  readonly p50: number | null;
  /** 90 % of them took no longer. */
  readonly p90: number | null;
  /** 99 % of them took no longer. */
  readonly p99: number | null;
  /** 99.9 % of them took no longer. */
  readonly p99_9: number | null;
  /** 99.99 % of them took no longer. */
  readonly p99_99: number | null;
  /** The longest. */
  readonly max: number | null;
}

/** The latencies of all echoes, and of those since the last look. */
export class Latencies {
  readonly #total = createHistogram(RANGE);
  readonly #recent = createHistogram(RANGE);
  /** The numbers of echoes that took less than 2 µs, less than 4 µs, and so on. */
  readonly octaves: number[] = Array(OCTAVES).fill(0);

  /** Adds a latency, in milliseconds. More than 60 s counts as 60 s. */
  record(ms: number): void {
    const us = Math.min(Math.max(Math.round(ms * 1000), 1), LONGEST);
    this.#recent.record(us);
    const octave = 31 - Math.clz32(us);
    this.octaves[octave] = (this.octaves[octave] ?? 0) + 1;
  }

  /** The median and the 99th percentile since the last look, in microseconds. */
  look(): { p50: number | null; p99: number | null } {
    const recent = this.#recent;
    const [p50, p99] = [percentile(recent, 50), percentile(recent, 99)];
    this.#total.add(recent);
    recent.reset();
    return { p50, p99 };
  }

  /** All of them. */
  summary(): LatencySummary {
    this.look();
    const total = this.#total;
    const { count, min, mean, max } = total;
    const known = <T>(value: T) => count === 0 ? null : value;
    return {
      min: known(min),
      mean: known(Math.round(mean * 10) / 10),
      p50: percentile(total, 50),
      p90: percentile(total, 90),
      p99: percentile(total, 99),
      p99_9: percentile(total, 99.9),
      p99_99: percentile(total, 99.99),
      max: known(max),
    };
  }
}

/** Null when there are too few for one to be beyond it. */
function percentile(
  histogram: { count: number; max: number; percentile(share: number): number },
  share: number,
): number | null {
  // 99.99 is not exact.
  if (histogram.count * (100 - share) < 100 - 1e-6) return null;
  // It is rounded up to three figures, beyond the maximum too.
  return Math.min(histogram.percentile(share), histogram.max);
}
