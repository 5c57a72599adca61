import type { Alarm, Clock } from "./clock.ts";

/** Waits of one connection, one at a time, which end with it. */
export class Pause {
  readonly #clock: Clock;
  #alarm: Alarm | undefined;
  #reject: (error: Error) => void = () => {};
  #stopped = false;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Resolves at a time of `performance.now()`. Rejects once it is stopped. */
  until(time: number): Promise<void> {
    return new Promise((resolve, reject) => {
      if (this.#stopped) return reject(ended());
      this.#reject = reject;
      this.#alarm = this.#clock.set(time, resolve);
    });
  }

  /** Ends a pending wait, and all later ones. */
  stop(): void {
    this.#stopped = true;
    if (this.#alarm) this.#clock.clear(this.#alarm);
    this.#reject(ended());
  }
}

function ended(): Error {
  return new Error("Connection closed");
}
