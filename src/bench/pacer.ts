import { LONGEST_TIME } from "../core/serve_options.ts";

/** How long before a message is due the wait turns busy, in milliseconds: timers are not exact. */
const AWAKE = 2;
/** For how long it sends in one turn of the event loop, in milliseconds: echoes and signals have to get theirs. */
const TURN = 1;
/** From which lateness on a call was not on time, in milliseconds. */
const LATE = 10;

/**
 * Calls `send` a given number of times a second, with the time at which it
 * should have been called and the time at which it is: if it is called late, the
 * first is what counts.
 */
export class Pacer {
  readonly #interval: number;
  readonly #send: (due: number, now: number) => void;
  readonly #delay: number;
  #startedAt = Infinity;
  #endsAt = Infinity;
  #count = 0;
  #late = 0;
  #running = false;
  /** Whether the next turn is scheduled already. */
  #isAwake = false;
  #timer: ReturnType<typeof setTimeout> | undefined;

  /** `delay` is how long after the start the first call is due, in milliseconds. */
  constructor(
    rate: number,
    send: (due: number, now: number) => void,
    delay = 0,
  ) {
    this.#interval = 1000 / rate;
    this.#send = send;
    this.#delay = delay;
  }

  /**
   * Starts, or starts anew: what was due before is not made up for. Nothing is
   * due once `duration`, in milliseconds, is over.
   */
  start(duration = Infinity): void {
    const now = performance.now();
    this.#startedAt = now + this.#delay;
    // The very end is the beginning of what comes after.
    this.#endsAt = now + duration - this.#interval / 1000;
    this.#count = 0;
    this.#late = 0;
    this.#running = true;
    clearTimeout(this.#timer);
    if (!this.#isAwake) this.#run();
  }

  /** Stops. What has been due before is sent, as far as one turn goes. */
  stop(): void {
    if (!this.#running) return;
    this.#running = false;
    clearTimeout(this.#timer);
    this.#sendDue();
  }

  /** Returns the number of calls due by the time `now`, made or not. */
  dueBy(now: number): number {
    const count = (time: number) => (time - this.#startedAt) / this.#interval;
    const due = Math.min(Math.floor(count(now)) + 1, count(this.#endsAt) + 1);
    return Math.max(Math.floor(due), 0);
  }

  /** Returns how many of these were not made, or 10 ms late. */
  overdueBy(now: number): number {
    return Math.max(this.dueBy(now) - this.#count, 0) + this.#late;
  }

  readonly #run = (): void => {
    this.#isAwake = false;
    if (!this.#running) return;
    const wait = this.#sendDue();
    if (wait === Infinity) return;
    if (wait >= AWAKE + 1) {
      const rest = Math.min(Math.floor(wait - AWAKE), LONGEST_TIME);
      this.#timer = setTimeout(this.#run, rest);
    } else {
      this.#isAwake = true;
      setImmediate(this.#run);
    }
  };

  /** Sends what is due; returns how long it is until the next is. */
  #sendDue(): number {
    let now = performance.now();
    const turnEnd = now + TURN;
    for (;;) {
      const due = this.#startedAt + this.#count * this.#interval;
      if (due > this.#endsAt) return Infinity;
      if (due > now) return due - now;
      this.#count++;
      if (now - due >= LATE) this.#late++;
      this.#send(due, now);
      now = performance.now();
      if (now > turnEnd) return 0;
    }
  }
}
