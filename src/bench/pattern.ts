import { Buffer } from "node:buffer";
import { createHash } from "node:crypto";

/** The length of the pattern: a prime, so that no buffer size divides it. */
const PERIOD = 262_139;
/** The number of bytes that can be taken in one piece from any place. */
const REACH = 256 * 1024;
/** The number of bytes that identify a place in the pattern. */
const KEY = 8;

/**
 * The bytes to send. They look random and are the same every time, and any eight of
 * them identify their place.
 */
export class Pattern {
  static readonly KEY: number = KEY;
  static readonly PERIOD: number = PERIOD;
  static readonly REACH: number = REACH;
  readonly bytes: Buffer = Buffer.alloc(PERIOD + REACH);
  /**
   * The places of all runs of four bytes. Making it takes tens of milliseconds,
   * which would count as the latency of a server if it were made when needed.
   */
  readonly #index: ReadonlyMap<number, number>;

  constructor() {
    createHash("shake256", { outputLength: PERIOD }).update("echod").digest()
      .copy(this.bytes);
    for (let end = PERIOD; end < this.bytes.length; end *= 2) {
      this.bytes.copyWithin(end, 0, end);
    }
    this.#index = this.#makeIndex();
  }

  /** Reports whether the first `count` bytes of `chunk` match the pattern from `place` on. */
  matches(chunk: Uint8Array, count: number, place: number): boolean {
    if (count > REACH) {
      return this.matches(chunk, REACH, place) &&
        this.matches(
          chunk.subarray(REACH),
          count - REACH,
          (place + REACH) % PERIOD,
        );
    }
    return this.bytes.compare(chunk, 0, count, place, place + count) === 0;
  }

  /** Returns how many bytes at the beginning of `chunk` match the pattern. */
  matchLength(chunk: Uint8Array, place: number): number {
    let count = 0;
    while (
      count < chunk.length &&
      chunk[count] === this.bytes[(place + count) % PERIOD]
    ) count++;
    return count;
  }

  /** Returns the place of the eight bytes at an index; undefined if there is none. */
  find(chunk: Uint8Array, at: number): number | undefined {
    const place = this.#index.get(keyOf(chunk, at));
    if (place === undefined) return undefined;
    return this.matches(chunk.subarray(at), KEY, place) ? place : undefined;
  }

  #makeIndex(): Map<number, number> {
    const index = new Map<number, number>();
    for (let place = 0; place < PERIOD; place++) {
      index.set(keyOf(this.bytes, place), place);
    }
    return index;
  }
}

function keyOf(bytes: Uint8Array, at: number): number {
  let key = 0;
  for (let i = 0; i < 4; i++) key = key << 8 | (bytes[at + i] ?? 0);
  return key;
}
