import type { Fault, FaultKind } from "./faults.ts";
import type { LatencySummary } from "./latencies.ts";

/** Options of `bench`. */
export interface BenchOptions {
  /**
   * The endpoint to load: `tcp://HOST:PORT`, `tls://HOST:PORT`, `udp://HOST:PORT` or
   * `unix:///PATH`.
   */
  readonly endpoint: string;
  /**
   * The number of connections open at the same time.
   *
   * @default {10}
   */
  readonly connections?: number | undefined;
  /**
   * The size of a message in bytes, 1 to 1 GiB (65,507 over UDP), or the smallest
   * and the largest size: each message then has a random size.
   *
   * @default {64}
   */
  readonly size?: number | readonly [least: number, most: number] | undefined;
  /**
   * How long to count messages, in milliseconds: more than 0, at most
   * 2,147,483,647. Together with `messages` the first that is reached ends it.
   *
   * @default {10_000}, with `messages` no limit
   */
  readonly duration?: number | undefined;
  /**
   * How many messages are counted, instead of for how long. It ends earlier when
   * nothing has come back for 5 s.
   */
  readonly messages?: number | undefined;
  /**
   * The number of messages to send per second, over all connections, whether or not
   * echoes are late. Latency counts from when a message should have been sent, so
   * that the pauses of a server show. By default a message is sent as soon as
   * another has come back.
   */
  readonly rate?: number | undefined;
  /**
   * The number of messages that each connection has in flight. Not with `rate`
   * or `churn`.
   *
   * @default {1}
   */
  readonly window?: number | undefined;
  /**
   * Whether every message has a connection of its own, timed from the attempt to
   * connect to the last byte of its echo. Not together with `rate`.
   *
   * @default {false}
   */
  readonly churn?: boolean | undefined;
  /**
   * How long to send messages before counting begins, in milliseconds.
   *
   * @default {1_000}, with `messages` 0
   */
  readonly warmup?: number | undefined;
  /**
   * The number of threads that share the connections.
   *
   * @default {1}
   */
  readonly workers?: number | undefined;
  /** For TLS: certificates, in PEM, to trust besides the usual ones. */
  readonly ca?: string | Uint8Array | undefined;
  /**
   * For TLS: takes every certificate, of whoever it is, for whatever name. Not
   * together with `ca`.
   *
   * @default {false}
   */
  readonly insecure?: boolean | undefined;
  /**
   * How long connecting may take, and for TLS the handshake after it, in
   * milliseconds each.
   *
   * @default {10_000}
   */
  readonly timeout?: number | undefined;
  /**
   * How long echoes are waited for once nothing more is sent, in milliseconds.
   *
   * @default {5_000}
   */
  readonly drain?: number | undefined;
  /** Ends it early, with the result so far, when it aborts: echoes are still waited for. */
  readonly signal?: AbortSignal | undefined;
  /** Ends the wait for the last echoes when it aborts. */
  readonly drainSignal?: AbortSignal | undefined;
  /** Called every second. */
  readonly onProgress?: ((progress: BenchProgress) => void) | undefined;
}

/** The progress of a run. */
export interface BenchProgress {
  /** The part that is done, 0 to 1, including the warm-up. */
  readonly done: number;
  /** Seconds since the first message was sent. */
  readonly elapsed: number;
  /** Whether nothing counts yet. */
  readonly warmup: boolean;
  /** Messages that came back per second, since the last time. */
  readonly rate: number;
  /** Bytes per second, each way, since the last report. */
  readonly bytesPerSecond: number;
  /** Half of the echoes since the last time took no longer, in microseconds; null for fewer than 2. */
  readonly p50: number | null;
  /** 99 % of the echoes since the last time took no longer, in microseconds; null for fewer than 100. */
  readonly p99: number | null;
  /** The faults so far: bytes and connections. */
  readonly errors: number;
}

/** The result of a run. */
export interface BenchResult {
  /** The endpoint. */
  readonly endpoint: string;
  /** Whether the server's certificate was not checked; only where it was not. */
  readonly insecure?: true;
  /** The address that its name stands for, or null where the system does not say. */
  readonly address: string | null;
  /** The number of connections open at the same time. */
  readonly connections: number;
  /** The size of a message in bytes, or the smallest and the largest. */
  readonly size: number | readonly [least: number, most: number];
  /** For how long messages were counted, up to the last echo. */
  readonly seconds: number;
  /** What was to be: seconds and messages, or null for no limit. */
  readonly planned: {
    readonly seconds: number | null;
    readonly messages: number | null;
  };
  /** Why it ended before that, or null: `no connection left`, `interrupted`, … */
  readonly endedEarly: string | null;
  /** How many messages came back, of those sent while they were counted. */
  readonly messages: number;
  /** The number of bytes in them, each way. */
  readonly bytes: number;
  /** How many came back in a second, of the warm-up's last ones too. */
  readonly rate: number;
  /** The fewest and the most messages of one connection. */
  readonly perConnection: { readonly least: number; readonly most: number };
  /** How many were asked for, sent and echoed in a second; null without `rate`. */
  readonly rates: {
    readonly asked: number;
    readonly sent: number;
    /** Between the first and the last echo. */
    readonly echoed: number;
  } | null;
  /** How many were due and never sent, because the client could not keep up. */
  readonly unsent: number;
  /** The part of one processor that each thread of the client used, 0 to 1. */
  readonly clientCpu: number;
  /** Whether the client, and not the server, was what held it up. */
  readonly clientWasLimit: boolean;
  /** How long they took, in microseconds; with `rate` from their scheduled time. */
  readonly latencyUs: LatencySummary;
  /** How long after their scheduled time they were sent, in microseconds; null without `rate`. */
  readonly sendLateUs: LatencySummary | null;
  /** How long they took from when they were sent, in microseconds; null without `rate`. */
  readonly responseUs: LatencySummary | null;
  /** The numbers of messages that took less than `lessThanUs` microseconds, and at least half of that. */
  readonly histogram: readonly {
    readonly lessThanUs: number;
    readonly messages: number;
  }[];
  /** The number of faulty bytes or connections, by kind. */
  readonly errors: { readonly [kind in FaultKind]?: number };
  /** The first fault of each kind. */
  readonly firstErrors: readonly Fault[];
  /** echod's version. */
  readonly version: string;
  /** The runtime and its version. */
  readonly runtime: string;
}
