import { Buffer } from "node:buffer";
import { createHash } from "node:crypto";

/** The length of the pattern: a prime, so that no buffer size divides it. */
const PERIOD = 262_139;
/** The number of bytes that can be taken in one piece from any place. */
const REACH = 256 * 1024;
/** The number of bytes that identify a place in the pattern. */
const KEY = 8;
/** The number of bytes that do so, too, but for two pairs of places. */
const SHORT_KEY = 4;
/** The number of slots of the index: a power of two of which half stay free. */
const SLOTS = 1 << 19;

/**
 * The bytes to send. They look random and are the same every time, and any eight of
 * them identify their place.
 */
export class Pattern {
  static readonly KEY: number = KEY;
  static readonly SHORT_KEY: number = SHORT_KEY;
  static readonly PERIOD: number = PERIOD;
  static readonly REACH: number = REACH;
  readonly bytes: Buffer = Buffer.alloc(PERIOD + REACH);
  /**
   * Each place in the pattern plus one, in the first free slot from the hash of
   * its first four bytes on. If it were made when it is needed, that would count
   * as the latency of a server.
   */
  readonly #index = new Int32Array(SLOTS);

  constructor() {
    createHash("shake256", { outputLength: PERIOD }).update("echod").digest()
      .copy(this.bytes);
    // The reach may be longer than the period.
    for (let at = PERIOD; at < this.bytes.length; at += PERIOD) {
      this.bytes.copyWithin(at, 0, PERIOD);
    }
    for (let place = 0; place < PERIOD; place++) {
      let slot = slotOf(this.bytes, place);
      while (this.#index[slot]) slot = (slot + 1) % SLOTS;
      this.#index[slot] = place + 1;
    }
  }

  /** Reports whether the first `count` bytes of `chunk` match the pattern from `place` on. */
  matches(chunk: Uint8Array, count: number, place: number): boolean {
    for (let at = 0; at < count; at += REACH) {
      const piece = at === 0 ? chunk : chunk.subarray(at);
      const size = Math.min(count - at, REACH);
      const from = (place + at) % PERIOD;
      if (this.bytes.compare(piece, 0, size, from, from + size) !== 0) {
        return false;
      }
    }
    return true;
  }

  /** Returns how many of the first `most` bytes of `chunk` match the pattern from `place` on. */
  matchLength(chunk: Uint8Array, place: number, most: number): number {
    const end = Math.min(chunk.length, most);
    let count = 0;
    while (
      count < end &&
      chunk[count] === this.bytes[(place + count) % PERIOD]
    ) count++;
    return count;
  }

  /** Returns the place of the eight bytes at an index, or of four or more; undefined if there is none. */
  find(chunk: Uint8Array, at: number, count = KEY): number | undefined {
    for (let slot = slotOf(chunk, at);; slot = (slot + 1) % SLOTS) {
      const found = this.#index[slot];
      if (!found) return undefined;
      let same = 0;
      while (
        same < count && chunk[at + same] === this.bytes[found - 1 + same]
      ) same++;
      if (same === count) return found - 1;
    }
  }
}

/** The slot in which the search for the bytes at an index begins. */
function slotOf(bytes: Uint8Array, at: number): number {
  let key = 0;
  for (let i = 0; i < SHORT_KEY; i++) key = key << 8 | (bytes[at + i] ?? 0);
  return Math.imul(key, 0x9e3779b1) >>> 13;
}
