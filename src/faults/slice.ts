import type { Connection } from "../core/transport.ts";
import type { Clock } from "./clock.ts";
import { ConnectionDecorator } from "./connection_decorator.ts";
import { Pause } from "./pause.ts";
import type { Random } from "./random.ts";

/**
 * The time from one piece to the next, in milliseconds. Without it, the system joins
 * those that wait for the peer to acknowledge the ones before.
 */
const INTERVAL = 1;

/**
 * Writes in pieces, each of a size from `least` to `most` bytes; the last one of what
 * there is to write may be shorter.
 */
export class Slice extends ConnectionDecorator {
  readonly #least: number;
  readonly #most: number;
  readonly #random: Random;
  readonly #pause: Pause;
  /** When the next piece may be written. */
  #next = -Infinity;
  /** What is left of the piece. */
  #left = 0;

  constructor(
    inner: Connection,
    [least, most]: readonly [number, number],
    random: Random,
    clock: Clock,
  ) {
    super(inner);
    this.#least = least;
    this.#most = most;
    this.#random = random;
    this.#pause = new Pause(clock);
  }

  override async write(p: Uint8Array): Promise<number> {
    if (this.#left === 0) {
      if (this.#next > performance.now()) await this.#pause.until(this.#next);
      this.#left = this.#least +
        Math.floor(this.#random() * (this.#most - this.#least + 1));
    }
    const count = await this.inner.write(p.subarray(0, this.#left));
    // What there is may end within a piece, which is shorter then.
    this.#left = count === p.length ? 0 : this.#left - count;
    if (this.#left === 0) this.#next = performance.now() + INTERVAL;
    return count;
  }

  protected override stopWriting(): void {
    this.#pause.stop();
  }
}
