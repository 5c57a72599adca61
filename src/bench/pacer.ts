/** From how many milliseconds before its time on a message is waited for awake: timers are not exact. */
const AWAKE = 2;

/**
 * Calls `send` a given number of times a second, with the time at which it
 * should have been called: if it is called late, that is what counts.
 */
export class Pacer {
  readonly #interval: number;
  readonly #send: (time: number) => void;
  #startedAt = 0;
  #count = 0;
  #running = false;
  #timer: ReturnType<typeof setTimeout> | undefined;

  constructor(rate: number, send: (time: number) => void) {
    this.#interval = 1000 / rate;
    this.#send = send;
  }

  /** Starts. The first call is due at once. */
  start(): void {
    this.#running = true;
    this.#startedAt = performance.now();
    this.#run();
  }

  /** Stops. What has been due before is sent. */
  stop(): void {
    if (!this.#running) return;
    this.#running = false;
    clearTimeout(this.#timer);
    this.#sendDue();
  }

  readonly #run = (): void => {
    if (!this.#running) return;
    const wait = this.#sendDue();
    if (wait > AWAKE) {
      this.#timer = setTimeout(this.#run, Math.floor(wait - AWAKE));
    } else {
      setImmediate(this.#run);
    }
  };

  /** Sends what is due; returns how long it is until the next is. */
  #sendDue(): number {
    const now = performance.now();
    for (;;) {
      const due = this.#startedAt + this.#count * this.#interval;
      if (due > now) return due - now;
      this.#count++;
      this.#send(due);
    }
  }
}
