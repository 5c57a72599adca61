import type { Look } from "./latencies.ts";

/** The interval of its points, in milliseconds. */
export const SECOND = 1_000;

/** What happened in about a second of the counted time. */
export interface BenchSecond {
  /** Its end, in milliseconds since counting began. */
  readonly atMs: number;
  /** The number of counted messages that came back. */
  readonly messages: number;
  /** The number of bytes in them, each way. */
  readonly bytes: number;
  /** Half of them took no longer, in microseconds; null for fewer than 2. */
  readonly p50Us: number | null;
  /** 99 % of them took no longer, in microseconds; null for fewer than 100. */
  readonly p99Us: number | null;
  /** The longest took so long, in microseconds; null for none. */
  readonly maxUs: number | null;
  /** The number of faulty bytes and connections. */
  readonly errors: number;
  /** The number of lost datagrams. */
  readonly lost: number;
}

/** The totals so far. */
export interface Totals {
  readonly messages: number;
  readonly bytes: number;
  readonly errors: number;
  readonly lost: number;
}

/** Collects what happens in each second, from totals. */
export class Series {
  readonly seconds: BenchSecond[] = [];
  readonly #startedAt = performance.now();
  readonly #duration: number;
  #last: Totals;

  /** Starts with these totals; `duration` is planned, in milliseconds. */
  constructor(duration: number, totals: Totals) {
    this.#duration = duration;
    this.#last = totals;
  }

  /** Reports whether the end is so close that the last second may include this one. */
  get isAtEnd(): boolean {
    const elapsed = performance.now() - this.#startedAt;
    return Math.abs(elapsed - this.#duration) < SECOND / 2;
  }

  /** Ends a second: adds what has happened since the last one. */
  add({ messages, bytes, errors, lost }: Totals, look: Look): void {
    const last = this.#last;
    this.seconds.push({
      atMs: Math.round(performance.now() - this.#startedAt),
      messages: messages - last.messages,
      bytes: bytes - last.bytes,
      ...look,
      errors: errors - last.errors,
      lost: lost - last.lost,
    });
    this.#last = { messages, bytes, errors, lost };
  }

  /** Ends the last one, unless nothing has happened since. */
  finish(totals: Totals, look: Look): void {
    const { messages, errors, lost } = this.#last;
    const isSame = totals.messages === messages && totals.errors === errors &&
      totals.lost === lost;
    if (!isSame) this.add(totals, look);
  }
}
