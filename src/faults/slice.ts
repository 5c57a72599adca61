import type { Connection } from "../core/transport.ts";
import { Decorated } from "./decorated.ts";
import type { Random } from "./random.ts";

/** Writes in pieces, each of a size from `least` to `most` bytes. */
export class Slice extends Decorated {
  readonly #least: number;
  readonly #most: number;
  readonly #random: Random;
  /** What is left of the piece. */
  #left = 0;

  constructor(
    inner: Connection,
    [least, most]: readonly [number, number],
    random: Random,
  ) {
    super(inner);
    this.#least = least;
    this.#most = most;
    this.#random = random;
  }

  override async write(p: Uint8Array): Promise<number> {
    this.#left ||= this.#least +
      Math.floor(this.#random() * (this.#most - this.#least + 1));
    const count = await this.inner.write(p.subarray(0, this.#left));
    this.#left -= count;
    return count;
  }
}
