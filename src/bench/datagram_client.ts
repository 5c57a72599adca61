import { Client } from "./client.ts";
import { Outstanding } from "./outstanding.ts";
import { Pattern } from "./pattern.ts";
import { Verifier } from "./verifier.ts";

/** Among how many datagrams one is looked for that is too small to be known. */
const NEAR = 64;
/** The number of lost datagrams to remember, in case they still come. */
const LOST = 192 * 1024;

/** A connection over UDP: each message is a datagram, and comes back on its own. */
export class DatagramClient extends Client {
  readonly #out = new Outstanding();
  /** The number of the next datagram to be sent, and of that which should come next. */
  #unsent = 0;
  #expected = 0;
  #queued = 0;
  #sent = 0;
  /** The places in the pattern at which lost datagrams begin. */
  readonly #lost = new Set<number>();
  /** The same, in the order of their loss from an index on. */
  readonly #lostLast: number[] = [];
  #losses = 0;
  /** The places of the last that came back and are too small to be known. */
  readonly #small: number[] = [];
  #smallCount = 0;
  /** The smallest and the largest size so far. */
  #least = Infinity;
  #most = 0;
  /** The number of losses attributed to the own receive buffer. */
  #unread = 0;
  /** The last round trip, and the jitter so far, in milliseconds. */
  #roundTrip = NaN;
  #jitter = NaN;

  get sent(): number {
    return this.#sent;
  }

  get inFlight(): number {
    return this.#out.count;
  }

  get jitter(): number | undefined {
    return Number.isNaN(this.#jitter) ? undefined : this.#jitter;
  }

  send(size: number, time: number, now: number): void {
    this.#least = Math.min(this.#least, size);
    this.#most = Math.max(this.#most, size);
    this.#out.push(this.#queued, this.#queued + size, time);
    this.#queued += size;
    this.flush(now);
  }

  unsent(since: number): number {
    let count = 0;
    for (let number = this.#unsent; number < this.#out.next; number++) {
      if (this.#out.time(number) >= since) count++;
    }
    return count;
  }

  dropUnsent(): number {
    const count = this.#out.next - this.#unsent;
    this.#out.cut(this.#unsent);
    this.#queued = this.#sent;
    return count;
  }

  giveUp(now: number): void {
    const out = this.#out;
    const before = this.owner.lostBefore(now);
    while (out.first < this.#unsent && out.sentAt(out.first) < before) {
      const number = out.first;
      const finding = this.#isOwnLoss() ? "unread" : "lost";
      this.owner.onFinding(finding, out.time(number));
      const place = this.#place(number);
      const index = this.#losses++ % LOST;
      this.#lost.delete(this.#lostLast[index] ?? NaN);
      this.#lostLast[index] = place;
      this.#lost.add(place);
      this.#miss(number, now);
    }
  }

  protected check(chunk: Uint8Array, count: number, now: number): void {
    // One that has just become too old is lost, even if this is it.
    this.giveUp(now);
    if (this.#is(this.#expected, chunk, count)) {
      this.#complete(this.#expected, now);
    } else {
      this.#explain(chunk.subarray(0, count), now);
    }
  }

  protected flush(now: number): void {
    while (this.socket && this.#unsent < this.#out.next) {
      const number = this.#unsent;
      const place = this.#place(number);
      const size = this.#out.size(number);
      if (this.socket.write(this.pattern.bytes, place, place + size) === 0) {
        return;
      }
      this.#unsent++;
      this.#sent += size;
      this.#out.send(number, now);
    }
  }

  protected tellMissing(kind?: "truncated" | "late"): void {
    if (!kind) return;
    for (let number = this.#out.first; number < this.#unsent; number++) {
      if (!this.#out.isOut(number)) continue;
      if (this.#isOwnLoss()) {
        this.owner.onFinding("unread", this.#out.time(number));
      } else {
        this.report(kind, this.#out.start(number), this.#out.size(number));
      }
    }
  }

  /** Returns the place in the pattern at which a datagram begins. */
  #place(number: number): number {
    return (this.start + this.#out.start(number)) % Pattern.PERIOD;
  }

  /** Reports whether bytes are the echo of an outstanding datagram. */
  #is(number: number, chunk: Uint8Array, count: number): boolean {
    return this.#out.isOut(number) && this.#out.size(number) === count &&
      this.pattern.matches(chunk, count, this.#place(number));
  }

  #complete(number: number, now: number): void {
    const out = this.#out;
    const [time, size] = [out.time(number), out.size(number)];
    const sentAt = out.sentAt(number);
    if (number < this.#expected) {
      this.owner.onFinding("reordered", time);
    } else {
      this.#expected = number + 1;
    }
    if (size < Pattern.SHORT_KEY) {
      this.#small[this.#smallCount++ % NEAR] = this.#place(number);
    }
    out.finish(number);
    this.#measureJitter(now - sentAt);
    this.owner.onEcho(this, time, size, now, sentAt);
  }

  /** A datagram is waited for no longer. */
  #miss(number: number, now: number): void {
    this.#out.finish(number);
    this.#expected = Math.max(this.#expected, number + 1);
    this.owner.onMissing(this, now);
  }

  /** RFC 3550's: how much round trips differ from one to the next, averaged over some 16. */
  #measureJitter(roundTrip: number): void {
    const difference = Math.abs(roundTrip - this.#roundTrip);
    if (!Number.isNaN(difference)) {
      const jitter = Number.isNaN(this.#jitter) ? 0 : this.#jitter;
      this.#jitter = jitter + (difference - jitter) / 16;
    }
    this.#roundTrip = roundTrip;
  }

  /** Reports whether the next loss is one of the client's own receive buffer. */
  #isOwnLoss(): boolean {
    const isOwn = this.#unread < (this.socket?.overflow?.() ?? 0);
    if (isOwn) this.#unread++;
    return isOwn;
  }

  /** Finds out what a datagram is that has not been expected next. */
  #explain(chunk: Uint8Array, now: number): void {
    const { length } = chunk;
    const known = this.#locate(chunk) ?? this.#findSmall(chunk);
    const number = known?.number ?? this.#guess(chunk);
    if (known && number < 0) {
      if (this.#lost.delete(known.place)) return;
      this.owner.onFinding("duplicated", now);
    } else if (number < 0) {
      this.report("inserted", this.#sent, length);
    } else if (this.#is(number, chunk, length)) {
      this.#complete(number, now);
    } else {
      this.#compare(number, chunk, now);
    }
  }

  /**
   * Where the first bytes are from that tell it: the datagram, or -1 if none with
   * them is waited for; and the place in the pattern at which `chunk` begins.
   */
  #locate(
    chunk: Uint8Array,
  ): { number: number; place: number } | undefined {
    const { KEY, SHORT_KEY, PERIOD } = Pattern;
    const count = Math.min(Math.max(chunk.length, SHORT_KEY), KEY);
    for (let index = 0; index + count <= chunk.length; index++) {
      const found = this.pattern.find(chunk, index, count);
      if (found === undefined) continue;
      /** The last offset at which the pattern is at that place. */
      const back = (this.start + this.#sent - found) % PERIOD;
      const last = this.#sent - (back + PERIOD) % PERIOD;
      if (last < 0) continue;
      const oldest = this.#out.start(this.#out.first);
      const place = (found - index + PERIOD) % PERIOD;
      let number = -1;
      let isRepeated = this.#lost.has(place);
      // The pattern may repeat itself among those that are waited for.
      let offset = last - Math.floor(Math.max(last - oldest, 0) / PERIOD) *
          PERIOD;
      for (; offset <= last; offset += PERIOD) {
        const holder = this.#out.find(offset);
        if (holder < 0) continue;
        const isOut = this.#out.isOut(holder);
        if (
          this.#out.start(holder) === offset - index &&
          this.#out.size(holder) === chunk.length
        ) {
          if (isOut) return { number: holder, place };
          isRepeated = true;
        } else if (isOut && number < 0) {
          number = holder;
        }
      }
      // A part of another one is meant only if it is no whole one.
      isRepeated ||= this.#least === this.#most &&
        chunk.length === this.#most &&
        this.pattern.matches(chunk, chunk.length, place);
      return { number: isRepeated ? -1 : number, place };
    }
  }

  /** The same, for a datagram that is too small to be known. */
  #findSmall(
    chunk: Uint8Array,
  ): { number: number; place: number } | undefined {
    const { length } = chunk;
    if (length >= Pattern.SHORT_KEY) return undefined;
    const number = this.#findWaiting(chunk);
    if (number >= 0) return { number, place: this.#place(number) };
    // It may have come before, or been given up.
    if (length < this.#least) return undefined;
    for (const places of [this.#small, this.#lost]) {
      for (const place of places) {
        if (this.pattern.matches(chunk, length, place)) {
          return { number: -1, place };
        }
      }
    }
  }

  /** The nearest datagram that is waited for and is just these bytes; -1 if there is none. */
  #findWaiting(chunk: Uint8Array): number {
    const { length } = chunk;
    const from = Math.max(this.#expected - NEAR, this.#out.first);
    const to = Math.min(this.#expected + NEAR, this.#unsent);
    for (let number = this.#expected; number < to; number++) {
      if (this.#is(number, chunk, length)) return number;
    }
    for (let number = this.#expected - 1; number >= from; number--) {
      if (this.#is(number, chunk, length)) return number;
    }
    return -1;
  }

  /** The likeliest datagram for bytes that are not known; -1 if there is none. */
  #guess(chunk: Uint8Array): number {
    const { length } = chunk;
    const from = Math.max(this.#expected - NEAR, this.#out.first);
    const to = Math.min(this.#expected + NEAR, this.#unsent);
    // It may be altered from its first byte to its last.
    const fits = (number: number) =>
      this.#out.isOut(number) && this.#out.size(number) === length;
    for (let number = this.#expected; number < to; number++) {
      if (fits(number)) return number;
    }
    for (let number = from; number < this.#expected; number++) {
      if (fits(number)) return number;
    }
    // Or it has been cut off.
    const isCut = this.#out.isOut(this.#expected) &&
      this.pattern.matches(chunk, length, this.#place(this.#expected));
    return isCut ? this.#expected : -1;
  }

  /** Reports the faults in the echo of a datagram. */
  #compare(number: number, chunk: Uint8Array, now: number): void {
    const start = this.#out.start(number);
    const size = this.#out.size(number);
    let missing = 0;
    const verifier = new Verifier(
      this.pattern,
      this.#place(number),
      (kind, offset, count) => {
        if (kind === "dropped") missing += count;
        const isFirst = start + offset === 0;
        const named = kind === "prefixed" && !isFirst ? "inserted" : kind;
        this.report(named, start + offset, count);
      },
    );
    verifier.receive(chunk, chunk.length, size);
    verifier.finish(size, "dropped");
    if (missing > 0) this.#miss(number, now);
    else this.#complete(number, now);
  }
}
