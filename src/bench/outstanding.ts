/**
 * The datagrams of a connection from the oldest that is waited for on, each with
 * its number: 0 for the first of all. Any of them may be done before others.
 */
export class Outstanding {
  /** The number of the first that is waited for; `next` if there is none. */
  first = 0;
  /** The number that the next will get. */
  next = 0;
  /** The number of outstanding datagrams. */
  count = 0;
  #starts = new Float64Array(1);
  #ends = new Float64Array(1);
  #times = new Float64Array(1);
  /** When each was sent; NaN until then. */
  #sentAt = new Float64Array(1);
  #done = new Uint8Array(1);

  /** Adds one of the bytes from `start` to `end`, timed from `time`. */
  push(start: number, end: number, time: number): void {
    if (this.next - this.first === this.#starts.length) this.#grow();
    const index = this.next++ & (this.#starts.length - 1);
    this.#starts[index] = start;
    this.#ends[index] = end;
    this.#times[index] = time;
    this.#sentAt[index] = NaN;
    this.#done[index] = 0;
    this.count++;
  }

  /** Returns where a datagram begins. */
  start(number: number): number {
    return this.#starts[number & (this.#starts.length - 1)] ?? NaN;
  }

  /** Returns the size of a datagram. */
  size(number: number): number {
    const index = number & (this.#starts.length - 1);
    return (this.#ends[index] ?? NaN) - (this.#starts[index] ?? NaN);
  }

  /** Returns the start time of a datagram. */
  time(number: number): number {
    return this.#times[number & (this.#times.length - 1)] ?? NaN;
  }

  /** When one of them was sent. */
  sentAt(number: number): number {
    return this.#sentAt[number & (this.#sentAt.length - 1)] ?? NaN;
  }

  /** Reports whether a datagram is outstanding. */
  isOut(number: number): boolean {
    if (number < this.first || number >= this.next) return false;
    const index = number & (this.#done.length - 1);
    return this.#done[index] === 0 && (this.#sentAt[index] ?? NaN) >= 0;
  }

  /** One of them has been sent. */
  send(number: number, sentAt: number): void {
    this.#sentAt[number & (this.#sentAt.length - 1)] = sentAt;
  }

  /** One of them is waited for no longer. */
  finish(number: number): void {
    const mask = this.#done.length - 1;
    this.#done[number & mask] = 1;
    this.count--;
    while (this.first < this.next && this.#done[this.first & mask]) {
      this.first++;
    }
  }

  /** Removes the last of them, from a number on. */
  cut(from: number): void {
    this.count -= this.next - from;
    this.next = from;
  }

  /** The number of the one that has the byte at an offset; -1 if none has. */
  find(offset: number): number {
    let [low, high] = [this.first, this.next];
    while (low < high) {
      const middle = Math.floor((low + high) / 2);
      if (this.start(middle) <= offset) low = middle + 1;
      else high = middle;
    }
    const number = low - 1;
    if (number < this.first) return -1;
    return offset < this.start(number) + this.size(number) ? number : -1;
  }

  #grow(): void {
    const { length } = this.#starts;
    const larger = <T extends Float64Array | Uint8Array>(old: T, values: T) => {
      for (let number = this.first; number < this.next; number++) {
        values[number & (2 * length - 1)] = old[number & (length - 1)] ?? NaN;
      }
      return values;
    };
    const doubled = (old: Float64Array<ArrayBuffer>) =>
      larger(old, new Float64Array(2 * length));
    this.#starts = doubled(this.#starts);
    this.#ends = doubled(this.#ends);
    this.#times = doubled(this.#times);
    this.#sentAt = doubled(this.#sentAt);
    this.#done = larger(this.#done, new Uint8Array(2 * length));
  }
}
