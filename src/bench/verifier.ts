import type { FaultKind } from "./faults.ts";
import { Pattern } from "./pattern.ts";

/** How many bytes may be unknown before the nearest explanation is taken. */
const PATIENCE = 1024;
/** How many bytes may be unknown at most, however many are missing. */
const LIMIT = 64 * 1024;
/** How far back bytes are taken for some that come again, not for those a period later. */
const NEAR = 64 * 1024;
/** The number of gaps to keep open, in case the missing bytes still come. */
const GAPS = 16;
/** The number of gaps to tell apart in messages that are not complete yet. */
const MISSING = 64 * 1024;

const NOTHING = new Uint8Array();

/** Receives each fault: its kind, offset and number of bytes. */
export type Report = (kind: FaultKind, offset: number, count: number) => void;

/** Bytes that did not come back in their turn. */
interface Missing {
  readonly from: number;
  to: number;
  /** The number of them that have not come since. */
  left: number;
}

/** Missing bytes that may still come, after later ones. */
interface Gap {
  readonly from: number;
  readonly to: number;
  readonly missing: Missing;
}

/**
 * Compares the echo of one connection with what was sent.
 *
 * Unexpected bytes are kept until it is clear what has happened: eight bytes of the
 * pattern identify their place. At most 64 KiB are kept; of more garbage, as many
 * bytes as are missing count as `altered`, and all others as `inserted`. The time is
 * linear in the number of bytes that come.
 */
export class Verifier {
  readonly #pattern: Pattern;
  readonly #start: number;
  readonly #report: Report;
  /** Up to here everything has come back, or is known not to. */
  #head = 0;
  /** Where in the pattern that is. */
  #place: number;
  /** What has come in since, and is not known yet. */
  #unknown: Uint8Array = NOTHING;
  /** Up to where it has been looked at. */
  #searched = 0;
  #gaps: Gap[] = [];
  /** What messages lack that have not been asked for yet, from an index on. */
  #missing: Missing[] = [];
  #firstMissing = 0;
  /** Where what comes in goes on, if that is before the head. */
  #again: number | undefined;

  /** For a connection that sends the pattern from the place `start` on. */
  constructor(pattern: Pattern, start: number, report: Report) {
    this.#pattern = pattern;
    this.#start = start;
    this.#place = start;
    this.#report = report;
  }

  /** How many bytes have come back, right or wrong. */
  get received(): number {
    return this.#head + this.#unknown.length;
  }

  /** Takes the first `count` bytes of `chunk`, after `sent` bytes have been sent. */
  receive(chunk: Uint8Array, count: number, sent: number): void {
    if (
      this.#unknown.length === 0 && this.#again === undefined &&
      count <= sent - this.#head &&
      this.#pattern.matches(chunk, count, this.#place)
    ) {
      this.#advance(count);
      return;
    }
    this.#keep(chunk.subarray(0, count));
    this.#explain(sent, false);
  }

  /**
   * Whether the message that ends at an offset has come back whole, right or
   * wrong. To be asked once for each, in their order.
   */
  isWhole(end: number): boolean {
    const missing = this.#missing;
    if (missing.length === 0) return true;
    let whole = true;
    let index = this.#firstMissing;
    for (;; index++) {
      const next = missing[index];
      if (!next || next.from >= end) break;
      if (next.left > 0) whole = false;
      if (next.to > end) break;
    }
    if (index === missing.length) {
      this.#missing = [];
      index = 0;
    }
    this.#firstMissing = index;
    return whole;
  }

  /** Nothing more will come; if something of what was sent is missing, that is `kind`. */
  finish(sent: number, kind?: "truncated" | "late" | "dropped"): void {
    this.#explain(sent, true);
    for (const { from, to } of this.#gaps) {
      this.#tell("dropped", from, to - from);
    }
    if (kind) this.#tell(kind, this.#head, sent - this.#head);
  }

  #advance(count: number): void {
    this.#head += count;
    this.#place = (this.#place + count) % Pattern.PERIOD;
  }

  /** Adds to what is unknown, in a buffer that has room for twice as much. */
  #keep(chunk: Uint8Array): void {
    const { buffer, byteOffset, length } = this.#unknown;
    const end = byteOffset + length;
    if (end + chunk.length <= buffer.byteLength) {
      new Uint8Array(buffer).set(chunk, end);
      this.#unknown = new Uint8Array(
        buffer,
        byteOffset,
        length + chunk.length,
      );
      return;
    }
    const larger = new Uint8Array(2 * (length + chunk.length));
    larger.set(this.#unknown);
    larger.set(chunk, length);
    this.#unknown = larger.subarray(0, length + chunk.length);
  }

  /** Takes what is explained off what is not. */
  #consume(count: number): void {
    this.#unknown = count === this.#unknown.length
      ? NOTHING
      : this.#unknown.subarray(count);
    this.#searched = 0;
  }

  #tell(kind: FaultKind, offset: number, count: number): void {
    if (count > 0) this.#report(kind, offset, count);
  }

  #explain(sent: number, final: boolean): void {
    while (this.#unknown.length > 0) {
      const { length } = this.#unknown;
      const ahead = sent - this.#head;
      const right = this.#matchLength(this.#head, ahead);
      const again = this.#again === undefined
        ? 0
        : this.#matchAgain(this.#again, ahead);
      // Few bytes may be right by chance, or in two ways.
      const sure = Math.min(Pattern.KEY, length, ahead);
      const isUnclear = again === length && right === length;
      if (isUnclear && length < Pattern.KEY && !final) return;
      if (
        this.#again !== undefined && again > 0 && again >= right && !isUnclear
      ) {
        this.#comeAgain(this.#again, again);
      } else if (right > 0 && right >= sure) {
        this.#advance(right);
        this.#consume(right);
        this.#again = undefined;
      } else {
        const known = this.#locate(ahead);
        if (!known) {
          const enough = length >= PATIENCE &&
            (length >= ahead || length >= LIMIT);
          if (final || enough) this.#guess(ahead);
          return;
        }
        if (known.offset >= this.#head) {
          this.#resume(known.index, known.offset - this.#head);
        } else {
          const { index, offset } = known;
          // The first bytes that have been here before may also go on from the head.
          const inserted = Math.max(index - this.#takeRight(ahead), 0);
          this.#tellInserted(inserted);
          this.#consume(inserted);
          this.#again = offset + inserted + right - index;
        }
      }
    }
  }

  /** Takes what is right after all of the first unknown bytes; returns how many are. */
  #takeRight(most: number): number {
    const count = this.#matchLength(this.#head, most);
    this.#advance(count);
    this.#consume(count);
    return count;
  }

  /** How many of the first `most` unknown bytes are those from an offset on. */
  #matchLength(offset: number, most: number): number {
    const place = (this.#start + offset) % Pattern.PERIOD;
    return this.#pattern.matchLength(this.#unknown, place, most);
  }

  /** How many of the first unknown bytes have been here before, from an offset on. */
  #matchAgain(offset: number, ahead: number): number {
    const count = this.#matchLength(offset, this.#head - offset);
    // The last of them may be those at the head, and alike by chance.
    for (let last = Math.min(count, Pattern.KEY) - 1; last > 0; last--) {
      const rest = this.#unknown.subarray(count - last);
      const right = this.#pattern.matchLength(rest, this.#place, ahead);
      if (right > last || right === rest.length) return count - last;
    }
    return count;
  }

  /** The first of the unknown bytes that are known after all. */
  #locate(ahead: number): { index: number; offset: number } | undefined {
    const { KEY, PERIOD } = Pattern;
    const unknown = this.#unknown;
    for (; this.#searched + KEY <= unknown.length; this.#searched++) {
      const index = this.#searched;
      const place = this.#pattern.find(unknown, index);
      if (place === undefined) continue;
      const forward = (place - this.#place + PERIOD) % PERIOD;
      const offset = this.#head + forward - PERIOD;
      const isNear = offset >= 0 && this.#head - offset <= NEAR;
      if (forward + KEY <= ahead && !isNear) {
        return { index, offset: this.#head + forward };
      }
      if (offset >= 0) return { index, offset };
    }
    // What is ahead may be less than it takes to know it anywhere.
    if (ahead > 0 && ahead < KEY) {
      for (let index = 0; index + ahead <= unknown.length; index++) {
        const rest = unknown.subarray(index);
        if (this.#pattern.matches(rest, ahead, this.#place)) {
          return { index, offset: this.#head };
        }
      }
    }
  }

  /** Goes on where `skipped` bytes are in the place of `count` bytes of the pattern. */
  #resume(skipped: number, count: number): void {
    this.#again = undefined;
    const right = this.#takeRight(Math.min(skipped, count));
    skipped -= right;
    count -= right;
    const replaced = Math.min(skipped, count);
    if (skipped === count) {
      this.#tellAltered(count);
      this.#advance(count);
    } else {
      this.#tell("altered", this.#head, replaced);
      this.#advance(replaced);
      this.#tellInserted(skipped - replaced);
      this.#open(this.#head, this.#head + count - replaced);
      this.#advance(count - replaced);
    }
    this.#consume(skipped);
  }

  /** What has been here before, or has been missed, comes now. */
  #comeAgain(offset: number, count: number): void {
    const end = offset + count;
    let repeated = count;
    this.#gaps = this.#gaps.flatMap((gap) => {
      const from = Math.max(gap.from, offset);
      const to = Math.min(gap.to, end);
      if (from >= to) return [gap];
      this.#tell("reordered", from, to - from);
      repeated -= to - from;
      gap.missing.left -= to - from;
      return [{ ...gap, to: from }, { ...gap, from: to }]
        .filter((left) => left.from < left.to);
    });
    // One that is filled in its midst has become two.
    this.#closeGaps();
    this.#tell("repeated", offset, repeated);
    this.#consume(count);
    this.#again = end < this.#head ? end : undefined;
  }

  /** Puts everything unknown down to what is nearest; `ahead` bytes are missing. */
  #guess(ahead: number): void {
    ahead -= this.#takeRight(ahead);
    const unknown = this.#unknown;
    const { PERIOD } = Pattern;
    const count = Math.min(unknown.length, ahead);
    const missing = ahead - count;
    const place = (this.#place + missing) % PERIOD;
    if (missing > 0 && this.#pattern.matches(unknown, count, place)) {
      this.#resume(0, missing);
      this.#advance(count);
    } else {
      this.#tellAltered(count);
      this.#advance(count);
      this.#tellInserted(unknown.length - count);
    }
    this.#consume(unknown.length);
  }

  /** Tells how many of the next `count` bytes are not what they should be, the first among them. */
  #tellAltered(count: number): void {
    let wrong = 0;
    /** How much more often than it should each value has come. */
    const surplus = new Int32Array(256);
    for (let i = 0; i < count; i++) {
      const place = (this.#place + i) % Pattern.PERIOD;
      const [is, was] = [this.#unknown[i], this.#pattern.bytes[place]];
      if (is === was || is === undefined || was === undefined) continue;
      wrong++;
      surplus[is] = (surplus[is] ?? 0) + 1;
      surplus[was] = (surplus[was] ?? 0) - 1;
    }
    const same = surplus.every((count) => count === 0);
    this.#tell(same ? "reordered" : "altered", this.#head, wrong);
  }

  #tellInserted(count: number): void {
    const kind = this.#head === 0 ? "prefixed" : "inserted";
    this.#tell(kind, this.#head, count);
  }

  #open(from: number, to: number): void {
    if (from >= to) return;
    const missing = this.#miss(from, to);
    this.#gaps.push({ from, to, missing });
    this.#closeGaps();
  }

  /** Closes the oldest gaps, where there are too many. */
  #closeGaps(): void {
    while (this.#gaps.length > GAPS) {
      const oldest = this.#gaps.shift();
      if (oldest) this.#tell("dropped", oldest.from, oldest.to - oldest.from);
    }
  }

  /** Remembers that bytes are missing until their message is asked for. */
  #miss(from: number, to: number): Missing {
    const last = this.#missing.at(-1);
    if (last && this.#missing.length >= MISSING) {
      last.to = to;
      last.left += to - from;
      return last;
    }
    const missing = { from, to, left: to - from };
    this.#missing.push(missing);
    return missing;
  }
}
