/** Waits that can be called off together. */
export class Pauses {
  readonly #timers = new Set<ReturnType<typeof setTimeout>>();

  /** Resolves after `ms` milliseconds; never if it is called off. */
  wait(ms: number): Promise<void> {
    return new Promise((resolve) => {
      const timer = setTimeout(() => {
        this.#timers.delete(timer);
        resolve();
      }, ms);
      this.#timers.add(timer);
    });
  }

  /** Calls off all waits. */
  end(): void {
    for (const timer of this.#timers) clearTimeout(timer);
    this.#timers.clear();
  }
}
