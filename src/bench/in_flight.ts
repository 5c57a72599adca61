/** The messages that a connection has sent and that have not come back, in order. */
export class InFlight {
  #ends = new Float64Array(1);
  #times = new Float64Array(1);
  #sentAt = new Float64Array(1);
  #first = 0;
  /** The number of messages. */
  count = 0;

  /** Adds a message that ends at an offset, is timed from `time` and sent at `sentAt`. */
  push(end: number, time: number, sentAt = time): void {
    if (this.count === this.#ends.length) this.#grow();
    const index = (this.#first + this.count++) & (this.#ends.length - 1);
    this.#ends[index] = end;
    this.#times[index] = time;
    this.#sentAt[index] = sentAt;
  }

  /** The end of the first message; Infinity if there is none. */
  get end(): number {
    return this.count === 0 ? Infinity : this.#ends[this.#first] ?? Infinity;
  }

  /** The start time of the first message; Infinity if there is none. */
  get time(): number {
    return this.count === 0 ? Infinity : this.#times[this.#first] ?? Infinity;
  }

  /** When the first of them was sent; Infinity if there is none. */
  get sentAt(): number {
    return this.count === 0 ? Infinity : this.#sentAt[this.#first] ?? Infinity;
  }

  /** Returns how many messages end after an offset and are timed from `since` on. */
  countAfter(offset: number, since: number): number {
    const mask = this.#ends.length - 1;
    let count = 0;
    for (let i = this.count - 1; i >= 0; i--) {
      const index = (this.#first + i) & mask;
      if ((this.#ends[index] ?? 0) <= offset) break;
      if ((this.#times[index] ?? 0) >= since) count++;
    }
    return count;
  }

  /**
   * Removes the messages that begin at an offset or after it, where the first of
   * all begins at `start`. Returns the end of the last one that is left.
   */
  cut(offset: number, start: number): number {
    const mask = this.#ends.length - 1;
    for (; this.count > 0; this.count--) {
      const last = this.#first + this.count - 1;
      const begin = this.count > 1 ? this.#ends[(last - 1) & mask] : start;
      if ((begin ?? 0) < offset) return this.#ends[last & mask] ?? offset;
    }
    return start;
  }

  /** Removes the first message. */
  shift(): void {
    this.#first = (this.#first + 1) & (this.#ends.length - 1);
    this.count--;
  }

  #grow(): void {
    const { length } = this.#ends;
    const unrolled = (old: Float64Array) => {
      const values = new Float64Array(length * 2);
      values.set(old.subarray(this.#first));
      values.set(old.subarray(0, this.#first), length - this.#first);
      return values;
    };
    this.#ends = unrolled(this.#ends);
    this.#times = unrolled(this.#times);
    this.#sentAt = unrolled(this.#sentAt);
    this.#first = 0;
  }
}
