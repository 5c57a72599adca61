import { Histogram } from "./histogram.ts";

/** How exactly the times of one connection are known: to 3 %. */
const BITS = 5;

/** What one connection has done. */
export interface ConnectionFigures {
  /** Its number, counted from 1. */
  readonly connection: number;
  /** The number of counted messages that came back. */
  readonly messages: number;
  /** Half of them took no longer, in microseconds; null for fewer than 2. */
  readonly p50Us: number | null;
  /** 99 % of them took no longer, in microseconds; null for fewer than 100. */
  readonly p99Us: number | null;
  /** Over UDP: the jitter of the round trip, in microseconds; else null. */
  readonly jitterUs: number | null;
}

/** The times of the messages of the warm-up, and of those that count. */
export type Times = readonly [Histogram, Histogram];

/** The place of a connection in a load. */
export interface Seat {
  /** Its number. */
  readonly id: number;
  readonly times: Times;
}

/** Makes a histogram for the times of one connection. */
export function createTimes(): Histogram {
  return new Histogram(BITS);
}
