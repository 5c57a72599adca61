/** How late a timer is where the process has stood still, in milliseconds. */
export const STANDSTILL = 100;

/**
 * Notices that the process has stood still, as a stopped one does: what came
 * meanwhile has not been read yet, and nobody may be blamed for its absence.
 */
export class Standstill {
  /** For how long it stood still at most, in milliseconds; 0 for up to 100. */
  longest = 0;
  readonly #interval: number;
  #due = Infinity;
  #wasLate = false;
  #behindUntil = -Infinity;

  /** For a process that looks every `interval` milliseconds. */
  constructor(interval: number) {
    this.#interval = interval;
  }

  /** Expects the first look an interval from now. */
  start(): void {
    this.#due = performance.now() + this.#interval;
  }

  /** Looks, at the time `now`. */
  look(now: number): void {
    const late = now - this.#due;
    const isLate = late > STANDSTILL;
    if (isLate) {
      this.longest = Math.max(this.longest, late);
      // One that is late every time is just slow, and has read since the last look.
      if (!this.#wasLate) this.#behindUntil = now + STANDSTILL;
    }
    this.#wasLate = isLate;
    this.#due = now + this.#interval;
  }

  /** Reports whether it may not have read yet what came while it stood still. */
  isBehind(now: number): boolean {
    return now < this.#behindUntil ||
      !this.#wasLate && now - this.#due > STANDSTILL;
  }
}
