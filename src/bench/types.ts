import type { Fault, FaultKind } from "./faults.ts";
import type { LatencySummary } from "./latencies.ts";

/** Options of `bench`. */
export interface BenchOptions {
  /**
   * What to load: `tcp://HOST:PORT`, `tls://HOST:PORT`, `udp://HOST:PORT` or
   * `unix:///PATH`.
   */
  readonly endpoint: string;
  /**
   * How many connections are open at the same time.
   *
   * @default {10}
   */
  readonly connections?: number | undefined;
  /**
   * How many bytes a message has, 1 to 1 GiB (over UDP 65,507 at most), or the
   * least and the most that it may have: every message has a random size then.
   *
   * @default {64}
   */
  readonly size?: number | readonly [least: number, most: number] | undefined;
  /**
   * How long messages are counted, in milliseconds: more than 0, at most
   * 2,147,483,647. Not together with `messages`.
   *
   * @default {10_000}
   */
  readonly duration?: number | undefined;
  /** How many messages are counted, instead of for how long. */
  readonly messages?: number | undefined;
  /**
   * How many messages a second are sent, over all connections, whether or not
   * echoes are late. They are timed from when they should have been sent, so
   * that a server's pauses show. By default a message is sent as soon as
   * another is back.
   */
  readonly rate?: number | undefined;
  /**
   * How many messages each connection has in flight. Not together with `rate`
   * or `churn`.
   *
   * @default {1}
   */
  readonly window?: number | undefined;
  /**
   * Whether every message has a connection of its own, timed from the attempt to
   * connect to the first byte of its echo. Not together with `rate`.
   *
   * @default {false}
   */
  readonly churn?: boolean | undefined;
  /**
   * For how long messages are sent before they are counted, in milliseconds.
   *
   * @default {1_000}, with `messages` 0
   */
  readonly warmup?: number | undefined;
  /**
   * How many threads share the connections.
   *
   * @default {1}
   */
  readonly workers?: number | undefined;
  /** For TLS: certificates, in PEM, that are trusted besides the usual ones. */
  readonly ca?: string | Uint8Array | undefined;
  /**
   * For TLS: takes every certificate, of whoever it is, for whatever name. Not
   * together with `ca`.
   *
   * @default {false}
   */
  readonly insecure?: boolean | undefined;
  /** Ends it early, with the result so far, when it aborts. */
  readonly signal?: AbortSignal | undefined;
  /** Called every second. */
  readonly onProgress?: ((progress: BenchProgress) => void) | undefined;
}

/** How it goes. */
export interface BenchProgress {
  /** How much of the whole is done, 0 to 1; the warm-up is part of it. */
  readonly done: number;
  /** Seconds since the first message was sent. */
  readonly elapsed: number;
  /** Messages counted per second, since the last time. */
  readonly rate: number;
  /** Bytes in them per second, each way. */
  readonly bytesPerSecond: number;
  /** Half of the echoes since the last time took no longer, in microseconds. */
  readonly p50: number;
  /** 99 % of the echoes since the last time took no longer, in microseconds. */
  readonly p99: number;
  /** How much has gone wrong so far: bytes, and connections. */
  readonly errors: number;
}

/** What it has come to. */
export interface BenchResult {
  /** What was loaded. */
  readonly endpoint: string;
  /** Whether the server's certificate was not checked; only where it was not. */
  readonly insecure?: true;
  /** How many connections were open at the same time. */
  readonly connections: number;
  /** How many bytes a message had, or the least and the most. */
  readonly size: number | readonly [least: number, most: number];
  /** For how long messages were counted, up to the last echo. */
  readonly seconds: number;
  /** How many messages came back. */
  readonly messages: number;
  /** How many bytes were in them, each way. */
  readonly bytes: number;
  /** How many came back in a second. */
  readonly rate: number;
  /** The fewest and the most that came back over any one connection. */
  readonly perConnection: { readonly least: number; readonly most: number };
  /** How long they took, in microseconds. */
  readonly latencyUs: LatencySummary;
  /** How many took less than `lessThanUs` microseconds, and not less than half of that. */
  readonly histogram: readonly {
    readonly lessThanUs: number;
    readonly messages: number;
  }[];
  /** What went wrong: how many bytes, or connections, of each kind. */
  readonly errors: { readonly [kind in FaultKind]?: number };
  /** Where it went wrong first, for each kind. */
  readonly firstErrors: readonly Fault[];
  /** echod's version. */
  readonly version: string;
  /** The runtime and its version. */
  readonly runtime: string;
}
