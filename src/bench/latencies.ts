import { createHistogram } from "node:perf_hooks";

/** The longest time that is told from longer ones, in microseconds: a minute. */
const LONGEST = 60_000_000;
/** Beyond that there is room for what it is rounded up to. */
const RANGE = { lowest: 1, highest: 2 * LONGEST, figures: 3 };
/** How many powers of two there are in it. */
const OCTAVES = 26;

const NOTHING = { min: 0, mean: 0, max: 0 };

/** How long echoes took, in microseconds. All are 0 when there was none. */
export interface LatencySummary {
  /** The shortest. */
  readonly min: number;
  /** The mean. */
  readonly mean: number;
  /** Half of them took no longer. */
  readonly p50: number;
  /** 90 % of them took no longer. */
  readonly p90: number;
  /** 99 % of them took no longer. */
  readonly p99: number;
  /** 99.9 % of them took no longer. */
  readonly p99_9: number;
  /** 99.99 % of them took no longer. */
  readonly p99_99: number;
  /** The longest. */
  readonly max: number;
}

/** The times that echoes took: those since the last look, and all of them. */
export class Latencies {
  readonly #total = createHistogram(RANGE);
  readonly #recent = createHistogram(RANGE);
  /** How many took less than 2 µs, less than 4 µs, and so on. */
  readonly octaves: number[] = Array(OCTAVES).fill(0);

  /** Adds one, in milliseconds. More than 60 s count as 60 s. */
  record(ms: number): void {
    const us = Math.min(Math.max(Math.round(ms * 1000), 1), LONGEST);
    this.#recent.record(us);
    const octave = 31 - Math.clz32(us);
    this.octaves[octave] = (this.octaves[octave] ?? 0) + 1;
  }

  /** The median and the 99th percentile since the last look, in microseconds. */
  look(): { p50: number; p99: number } {
    const recent = this.#recent;
    const [p50, p99] = recent.count === 0
      ? [0, 0]
      : [recent.percentile(50), recent.percentile(99)];
    this.#total.add(recent);
    recent.reset();
    return { p50, p99 };
  }

  /** All of them. */
  summary(): LatencySummary {
    this.look();
    const total = this.#total;
    const { min, mean, max } = total.count === 0 ? NOTHING : total;
    // Percentiles are rounded up to three figures, beyond the maximum too.
    const at = (share: number) => Math.min(total.percentile(share), max);
    return {
      min,
      mean: Math.round(mean * 10) / 10,
      p50: at(50),
      p90: at(90),
      p99: at(99),
      p99_9: at(99.9),
      p99_99: at(99.99),
      max,
    };
  }
}
