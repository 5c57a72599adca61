type Waiting<T> = { readonly value: T } | { readonly error: unknown };

/**
 * What waits to be accepted, for a listener that is told of its clients, or that has
 * them ready only some time after it has asked for them.
 */
export class AcceptQueue<T> {
  readonly #waiting: Waiting<T>[] = [];
  #pending = false;
  #closed = false;
  #ended = false;
  #wake = () => {};

  /** Adds a value for `next` to resolve with. */
  push(value: T): void {
    this.#waiting.push({ value });
    this.#wake();
  }

  /** Adds an error for `next` to reject with. */
  fail(error: unknown): void {
    this.#waiting.push({ error });
    this.#wake();
  }

  /**
   * Resolves with the next value, or with `null` once the queue is over. Rejects
   * with the next error, or if another call is pending.
   *
   * @param ask Asks for more; called each time that there is nothing.
   */
  async next(ask?: () => void): Promise<T | null> {
    if (this.#pending) throw acceptPending();
    this.#pending = true;
    try {
      for (;;) {
        if (this.#closed) return null;
        const first = this.#waiting.shift();
        if (first && "error" in first) throw first.error;
        if (first) return first.value;
        if (this.#ended) return null;
        ask?.();
        await new Promise<void>((wake) => this.#wake = wake);
      }
    } finally {
      this.#pending = false;
    }
  }

  /** Lets a pending `next` ask for more again. */
  wake(): void {
    this.#wake();
  }

  /** Lets `next` resolve with `null` once everything has been given out. */
  end(): void {
    this.#ended = true;
    this.#wake();
  }

  /** Closes the queue, and returns the values that nobody has asked for. */
  close(): T[] {
    this.#closed = true;
    this.#wake();
    return this.#waiting.splice(0)
      .flatMap((waiting) => "value" in waiting ? [waiting.value] : []);
  }
}

/** The error of a second `accept` while one is pending, the same for all listeners. */
export function acceptPending(): Error {
  return new Error("Cannot accept: another accept() is pending");
}
