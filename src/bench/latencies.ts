import { Histogram } from "./histogram.ts";

/**
 * How long something took, in microseconds. All are null when there was none, and
 * a percentile is null when there were too few for one to be beyond it: the 99th
 * needs 100.
 */
export interface LatencySummary {
  /** The shortest. */
  readonly min: number | null;
  /** The mean. */
  readonly mean: number | null;
  /** The standard deviation. */
  readonly deviation: number | null;
  /** Half of them took no longer. */
  readonly p50: number | null;
  /** 75 % of them took no longer. */
  readonly p75: number | null;
  /** 90 % of them took no longer. */
  readonly p90: number | null;
  /** 95 % of them took no longer. */
  readonly p95: number | null;
  /** 99 % of them took no longer. */
  readonly p99: number | null;
  /** 99.9 % of them took no longer. */
  readonly p99_9: number | null;
  /** 99.99 % of them took no longer. */
  readonly p99_99: number | null;
  /** The longest. */
  readonly max: number | null;
}

/** How long those since the last look took, in microseconds. */
export interface Look {
  /** Null for fewer than 2. */
  readonly p50Us: number | null;
  /** Null for fewer than 100. */
  readonly p99Us: number | null;
  /** Null for none. */
  readonly maxUs: number | null;
}

/** The latencies of all echoes, and of those since the last look. */
export class Latencies {
  readonly #total = new Histogram();
  readonly #recent = new Histogram();

  /** Adds a latency, in milliseconds. More than 60 s counts as 60 s. */
  record(ms: number): void {
    this.#recent.record(ms);
  }

  /** What has been added since the last look. */
  peek(): Look {
    const recent = this.#recent;
    return {
      p50Us: recent.percentile(50),
      p99Us: recent.percentile(99),
      maxUs: recent.count === 0 ? null : recent.max,
    };
  }

  /** The same; the next look begins here. */
  look(): Look {
    const look = this.peek();
    this.#total.add(this.#recent.data());
    this.#recent.reset();
    return look;
  }

  /** All of them. */
  all(): Histogram {
    this.look();
    return this.#total;
  }
}

/** Sums up times. */
export function summarize(times: Histogram): LatencySummary {
  const known = (value: number) => times.count === 0 ? null : value;
  return {
    min: known(times.min),
    mean: known(Math.round(times.mean * 10) / 10),
    deviation: known(Math.round(times.deviation * 10) / 10),
    p50: times.percentile(50),
    p75: times.percentile(75),
    p90: times.percentile(90),
    p95: times.percentile(95),
    p99: times.percentile(99),
    p99_9: times.percentile(99.9),
    p99_99: times.percentile(99.99),
    max: known(times.max),
  };
}
