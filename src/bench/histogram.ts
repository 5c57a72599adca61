/** The longest time that is recorded exactly, in microseconds: a minute. */
const LONGEST = 60_000_000;
/** The highest bit of it. */
const HIGHEST_BIT = 25;

/** A point of a curve of percentiles. */
export interface CurvePoint {
  /** The percentage of all times up to this one. */
  readonly percent: number;
  /** The time, in microseconds. */
  readonly us: number;
  /** The number of times up to this one. */
  readonly messages: number;
}

/** The content of a {@linkcode Histogram}, which can be sent to another thread. */
export interface HistogramData {
  readonly count: number;
  readonly sum: number;
  readonly min: number;
  readonly max: number;
  readonly bins: Float64Array;
}

/**
 * Counts times. It knows each to `1 / 2 ** bits` of its length: a thousandth by
 * default, which are three figures.
 */
export class Histogram {
  readonly #bits: number;
  readonly #bins: Float64Array;
  #count = 0;
  /** Their sum. An array: a field that outgrows small whole numbers undoes optimised code. */
  readonly #sum = new Float64Array(1);
  /** A whole number without any, too, for the same reason. */
  #min = LONGEST;
  #max = 0;

  constructor(bits = 10) {
    this.#bits = bits;
    // Up to 2 ** (bits + 1) there is a bin for each microsecond; from there on
    // each power of two has 2 ** bits bins.
    this.#bins = new Float64Array((HIGHEST_BIT - bits + 2) << bits);
  }

  /** The number of times. */
  get count(): number {
    return this.#count;
  }

  /** The shortest, in microseconds; Infinity without any. */
  get min(): number {
    return this.#count === 0 ? Infinity : this.#min;
  }

  /** The longest, in microseconds; 0 without any. */
  get max(): number {
    return this.#max;
  }

  /** The mean, in microseconds; NaN without any. */
  get mean(): number {
    return this.#total / this.#count;
  }

  /** The standard deviation, in microseconds; NaN without any. */
  get deviation(): number {
    let squares = 0;
    this.#bins.forEach((count, index) => {
      if (count > 0) squares += count * (this.#us(index) - this.mean) ** 2;
    });
    return Math.sqrt(squares / this.#count);
  }

  /** Adds a time in milliseconds. Less than 1 µs counts as 1 µs, more than 60 s as 60 s. */
  record(ms: number): void {
    const us = Math.min(Math.max(Math.round(ms * 1000), 1), LONGEST);
    const index = this.#indexOf(us);
    this.#bins[index] = (this.#bins[index] ?? 0) + 1;
    this.#count++;
    this.#sum[0] = this.#total + us;
    if (us < this.#min) this.#min = us;
    if (us > this.#max) this.#max = us;
  }

  /** Adds the times of another one that has as many bits. */
  add({ count, sum, min, max, bins }: HistogramData): void {
    if (count === 0) return;
    const last = this.#indexOf(max);
    for (let index = this.#indexOf(min); index <= last; index++) {
      this.#bins[index] = (this.#bins[index] ?? 0) + (bins[index] ?? 0);
    }
    this.#count += count;
    this.#sum[0] = this.#total + sum;
    this.#min = Math.min(this.#min, min);
    this.#max = Math.max(this.#max, max);
  }

  /** Returns its content, which is valid until the next change. */
  data(): HistogramData {
    return {
      count: this.#count,
      sum: this.#total,
      min: this.min,
      max: this.#max,
      bins: this.#bins,
    };
  }

  /** Forgets everything. */
  reset(): void {
    if (this.#count === 0) return;
    this.#bins.fill(0, this.#indexOf(this.#min), this.#indexOf(this.#max) + 1);
    this.#count = 0;
    this.#sum[0] = 0;
    this.#min = LONGEST;
    this.#max = 0;
  }

  /**
   * Returns the time in microseconds that a percentage of all did not exceed;
   * null if there are too few for one to be beyond it: the 99th needs 100.
   */
  percentile(percent: number): number | null {
    // 99.99 is not exact.
    if (this.#count * (100 - percent) < 100 - 1e-6) return null;
    const wanted = Math.ceil(this.#count * percent / 100 - 1e-6);
    let count = 0;
    const last = this.#indexOf(this.#max);
    for (let index = this.#indexOf(this.#min); index <= last; index++) {
      count += this.#bins[index] ?? 0;
      if (count >= wanted && count > 0) return this.#us(index);
    }
    return null;
  }

  /** Returns how many took less than 2 µs, less than 4 µs, and so on. */
  octaves(): number[] {
    const octaves: number[] = Array(HIGHEST_BIT + 1).fill(0);
    this.#bins.forEach((count, index) => {
      const octave = 31 - Math.clz32(this.#us(index));
      if (count > 0) octaves[octave] = (octaves[octave] ?? 0) + count;
    });
    return octaves;
  }

  /**
   * Returns the curve of the percentiles, denser the closer it comes to 100 %:
   * five points each time that the rest is halved, and the longest time.
   */
  curve(): CurvePoint[] {
    const points: CurvePoint[] = [];
    let [percent, count] = [0, 0];
    for (let index = 0; count < this.#count; index++) {
      const more = this.#bins[index] ?? 0;
      if (more === 0) continue;
      count += more;
      while (count < this.#count && count * 100 >= percent * this.#count) {
        points.push({ percent, us: this.#us(index), messages: count });
        const halves = Math.floor(Math.log2(100 / (100 - percent))) + 1;
        percent += 100 / (5 * 2 ** halves);
      }
    }
    if (count > 0) {
      points.push({ percent: 100, us: this.#max, messages: count });
    }
    return points;
  }

  get #total(): number {
    return this.#sum[0] ?? 0;
  }

  #indexOf(us: number): number {
    const shift = Math.max(31 - this.#bits - Math.clz32(us), 0);
    return (shift << this.#bits) + (us >>> shift);
  }

  /** The longest time of a bin, as far as there was one, in microseconds. */
  #us(index: number): number {
    const shift = Math.max((index >>> this.#bits) - 1, 0);
    const last = ((index - (shift << this.#bits) + 1) << shift) - 1;
    return Math.min(last, this.#max);
  }
}
