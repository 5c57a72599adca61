import type { Connection } from "../core/transport.ts";
import { ConnectionDecorator } from "./connection_decorator.ts";
import { isIn, type Random } from "./random.ts";

/** Flips one bit in a share of the reads; `share` is in percent. */
export class Corrupt extends ConnectionDecorator {
  readonly #share: number;
  readonly #random: Random;

  constructor(inner: Connection, share: number, random: Random) {
    super(inner);
    this.#share = share;
    this.#random = random;
  }

  override async read(p: Uint8Array): Promise<number | null> {
    const count = await this.inner.read(p);
    if (count !== null && isIn(this.#share, this.#random)) {
      flipBit(p.subarray(0, count), this.#random);
    }
    return count;
  }
}

/** Flips any one bit of some bytes; there may be none. */
export function flipBit(bytes: Uint8Array, random: Random): void {
  const bit = Math.floor(random() * bytes.length * 8);
  const byte = bytes[bit >> 3];
  if (byte !== undefined) bytes[bit >> 3] = byte ^ (1 << (bit & 7));
}
