import type { Addr } from "../core/transport.ts";
import type { Faults } from "./faults.ts";
import type { HistogramData } from "./histogram.ts";
import type { GapFigures } from "./reconnection_gaps.ts";
import type { ConnectionFigures } from "./seat.ts";

/** What to load, and how. */
export interface LoadOptions {
  readonly addr: Addr;
  /** The number of connections; with `churn`, of those at the same time. */
  readonly connections: number;
  /** The smallest and the largest size of a message, in bytes. */
  readonly size: readonly [number, number];
  /** The largest number of messages to count. */
  readonly messages: number;
  /** Messages per second; undefined to send one as soon as another has come back. */
  readonly rate?: number | undefined;
  /** The number of messages that each connection has in flight, without a rate. */
  readonly window: number;
  /** Whether to open a connection for every message. */
  readonly churn: boolean;
  /** Whether to open connections again that have ended. */
  readonly reconnect: boolean;
  /** Over which time to open the connections, in milliseconds. */
  readonly ramp: number;
  /** The number of the first connection, and the step to the next. */
  readonly ids: { readonly first: number; readonly step: number };
  /** For how long messages are sent before they count, in milliseconds. */
  readonly warmup: number;
  /** For how long messages are counted at most, in milliseconds. */
  readonly duration: number;
  /** For how long echoes are waited for at the end, in milliseconds. */
  readonly drain: number;
  /** For how long a datagram is waited for, in milliseconds. */
  readonly patience: number;
  /** How long after the start the first message of a rate is due, in milliseconds. */
  readonly delay: number;
}

/** Why nothing more is sent: all is sent, or it cannot go on. */
export type Ending =
  | "all sent"
  | "no connection left"
  | `nothing came back for ${number} s`;

/**
 * Is told of each echo: its phase, 0 for the warm-up and 1 for what counts, how
 * long it took from its scheduled time, and how long after that it was sent, in
 * milliseconds.
 */
export type Recorder = (phase: 0 | 1, total: number, late: number) => void;

/** The result of a load so far. */
export interface Tally {
  /** For how long messages were counted. */
  readonly seconds: number;
  /** The number of messages that came back. */
  readonly messages: number;
  /** The number of bytes in them. */
  readonly bytes: number;
  /** The fewest messages that came back over one connection. */
  readonly least: number;
  /** The most messages that came back over one connection. */
  readonly most: number;
  /** The number that came back in that time, including those of the warm-up. */
  readonly echoed: number;
  /** The number that has come back since the start. */
  readonly arrived: number;
  /** The number of bytes in them. */
  readonly arrivedBytes: number;
  /** The number sent. */
  readonly sent: number;
  /** The number sent per second. */
  readonly sentRate: number;
  /** The number that was due and never sent. */
  readonly unsent: number;
  /** The number that was in flight when `hurry` ended the wait. */
  readonly notAwaited: number;
  /** For how long this side stood still at most, in milliseconds; 0 for up to 100. */
  readonly stalled: number;
  /** The number that this side was too slow to send, or sent 10 ms late. */
  readonly overdue: number;
  /**
   * How many a second came back from the first echo on, as long as messages were
   * sent; at most the part of the rate that came back at all. 0 for fewer than two.
   */
  readonly pace: number;
  /** The numbers of datagrams that were lost, and so on. */
  readonly lost: number;
  readonly unread: number;
  readonly duplicated: number;
  readonly reordered: number;
  /** The address that is loaded, if the system says. */
  readonly address: string | undefined;
}

/** What is known of the connections when it is over. */
export interface Details {
  /** How long connecting took. */
  readonly connects: HistogramData;
  /** Each connection; none with churn. */
  readonly each: readonly ConnectionFigures[];
  /** The connections that have ended and were to be opened again. */
  readonly gaps: GapFigures;
}

/** Loads an endpoint. Each method is called once, in this order. */
export interface Loader {
  /** The faults so far. */
  readonly faults: Faults;
  /** Resolves when there is nothing left to send, or it cannot go on. */
  readonly exhausted: Promise<Ending>;
  /** Opens the connections. Rejects if none can be opened. */
  open(): Promise<void>;
  /** Starts sending. */
  start(): void;
  /** Counts what is sent from now on; may come before `start`. */
  count(): void;
  /**
   * Stops whatever is under way. Resolves when everything has come back, or
   * nothing more comes, or the time for that is up.
   */
  stop(): Promise<void>;
  /** Ends the wait of `stop`. */
  hurry(): void;
  /** Returns the result so far. */
  tally(): Tally;
  /** Returns the rest of the result, once it has stopped. */
  details(): Details;
}
