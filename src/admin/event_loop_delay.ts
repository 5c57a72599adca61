/** How often the delay is measured, in milliseconds. */
const EVERY = 20;
/** The number of samples to keep: those of the last ten seconds. */
const SAMPLES = 512;
/** Where things lie in the memory. */
const LAST = 0;
const COUNT = 1;
const FIRST = 2;

/** How late the timers of one or several event loops are, in milliseconds. */
export interface Delays {
  readonly p50: number;
  readonly p99: number;
  /** How long ago the loop that has stood still for longest has turned. */
  readonly stalled: number;
}

/**
 * Measures by how much a timer is late, which is how long what has become ready
 * waits for its turn. It is the same on every runtime, unlike that of
 * `node:perf_hooks`.
 *
 * A timer that is very late has swallowed others, each of which would have been
 * late as well. These count too, or a second without a turn would be one sample
 * among hundreds.
 */
export class DelayMeter implements Disposable {
  /** The memory that it takes, in bytes. */
  static readonly SIZE = (FIRST + SAMPLES) * Float64Array.BYTES_PER_ELEMENT;

  readonly #numbers: Float64Array;
  #timer: ReturnType<typeof setTimeout> | undefined;

  /** @param memory Memory of {@linkcode DelayMeter.SIZE} bytes; shared, another thread may read it. */
  constructor(memory: ArrayBufferLike) {
    this.#numbers = new Float64Array(memory);
    this.#numbers[LAST] = now();
    this.#next();
  }

  [Symbol.dispose](): void {
    clearTimeout(this.#timer);
  }

  #next(): void {
    this.#timer = setTimeout(() => {
      const at = now();
      const last = this.#numbers[LAST] ?? at;
      for (const delay of delaysSince(last, at)) {
        const count = this.#numbers[COUNT] ?? 0;
        this.#numbers[FIRST + count % SAMPLES] = delay;
        this.#numbers[COUNT] = count + 1;
      }
      this.#numbers[LAST] = at;
      this.#next();
    }, EVERY);
  }
}

/** Reads what meters have written to their memory. */
export function readDelays(memories: readonly ArrayBufferLike[]): Delays {
  const at = now();
  const delays: number[] = [];
  let stalled = 0;
  for (const memory of memories) {
    const numbers = new Float64Array(memory);
    const last = numbers[LAST] ?? at;
    const count = Math.min(numbers[COUNT] ?? 0, SAMPLES);
    delays.push(...numbers.subarray(FIRST, FIRST + count));
    // A timer that should have run by now is late by so much at least.
    delays.push(...delaysSince(last, at));
    stalled = Math.max(stalled, at - last);
  }
  delays.sort((one, other) => one - other);
  const percentile = (share: number) =>
    delays[Math.ceil(share * delays.length) - 1] ?? 0;
  return { p50: percentile(0.5), p99: percentile(0.99), stalled };
}

/** By how much the timers were late that should have run since the last one did. */
function delaysSince(last: number, at: number): number[] {
  const delays: number[] = [];
  for (
    let delay = at - last - EVERY;
    delay >= 0 && delays.length < SAMPLES;
    delay -= EVERY
  ) delays.push(delay);
  return delays;
}

/** The same clock in all threads, in milliseconds. */
function now(): number {
  return performance.timeOrigin + performance.now();
}
