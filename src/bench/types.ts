import type { Fault, FaultKind } from "./faults.ts";
import type { CurvePoint } from "./histogram.ts";
import type { LatencySummary } from "./latencies.ts";
import type { BenchSecond } from "./series.ts";

/** Options of `bench`. */
export interface BenchOptions {
  /**
   * The endpoint to load: `tcp://HOST:PORT`, `tls://HOST:PORT`, `udp://HOST:PORT` or
   * `unix:///PATH`; on Linux also `unix:@NAME`.
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
   * The number of messages to count. The run ends earlier if
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
   * connect to the last byte of its echo. With `rate`, each is timed from when it
   * should have been sent, and waits where `connections` are open already.
   *
   * @default {false}
   */
  readonly churn?: boolean | undefined;
  /**
   * Whether to open a connection again that ends, until it is open, and to measure
   * the gap. That it ends is no fault then. Not together with `churn`.
   *
   * @default {false}
   */
  readonly reconnect?: boolean | undefined;
  /**
   * Over which time to open the connections, one after another, before the first
   * message is sent, in milliseconds. Not together with `churn`.
   *
   * @default {0}
   */
  readonly ramp?: number | undefined;
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
  /**
   * The version of the PROXY protocol whose header each connection begins with,
   * before TLS, as if a balancer had sent it: 1, a line, or 2, binary. It names the
   * two ends of that connection, and counts as no message. Not over UDP.
   *
   * @default {undefined} for none
   */
  readonly proxyProtocol?: 1 | 2 | undefined;
  /** For TLS: certificates, in PEM, to trust besides the usual ones. */
  readonly ca?: string | Uint8Array | undefined;
  /**
   * For TLS: accepts every certificate, unchecked. Not
   * together with `ca`.
   *
   * @default {false}
   */
  readonly insecure?: boolean | undefined;
  /**
   * The time limit of connecting, and of the TLS handshake after it, in
   * milliseconds each. Over UDP: how long a datagram is waited for before it is
   * lost.
   *
   * @default {10_000}, over UDP 1_000
   */
  readonly timeout?: number | undefined;
  /**
   * How long to wait for echoes when nothing more is sent, in milliseconds.
   *
   * @default {5_000}, over UDP at least 1_000 more than `timeout`
   */
  readonly drain?: number | undefined;
  /**
   * The percentiles of the result's `percentilesUs`: 1 to 20, each more than 0 and
   * less than 100.
   *
   * @default {[50, 90, 99, 99.9, 99.99]}
   */
  readonly percentiles?: readonly number[] | undefined;
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
  /** The time since the first message was sent. */
  readonly elapsedMs: number;
  /** Whether this is the warm-up. */
  readonly warmup: boolean;
  /** Messages that came back per second, since the last time. */
  readonly messagesPerSecond: number;
  /** Bytes per second, each way, since the last report. */
  readonly bytesPerSecond: number;
  /** Half of the echoes since the last time took no longer; null for fewer than 2. */
  readonly p50Us: number | null;
  /** 99 % of the echoes since the last time took no longer; null for fewer than 100. */
  readonly p99Us: number | null;
  /** The longest of the echoes since the last time took so long; null for none. */
  readonly maxUs: number | null;
  /** The faults so far: bytes and connections. */
  readonly errors: number;
  /** The lost datagrams so far, without those of the warm-up. */
  readonly lost: number;
}

/** The options of a run, with the defaults of those that were not given. */
export interface BenchSetup {
  /** The number of connections open at the same time. */
  readonly connections: number;
  /** The size of a message, or the smallest and the largest. */
  readonly sizeBytes: number | readonly [least: number, most: number];
  /** How long to count messages; null for no limit. */
  readonly durationMs: number | null;
  /** The number of messages to count; null for no limit. */
  readonly messages: number | null;
  /** The number of messages to send per second; null for as many as come back. */
  readonly messagesPerSecond: number | null;
  /** The number of messages that each connection has in flight. */
  readonly window: number;
  /** Whether every message had a connection of its own. */
  readonly churn: boolean;
  /** Whether connections that ended were opened again. */
  readonly reconnect: boolean;
  /** Over which time the connections were opened. */
  readonly rampMs: number;
  /** How long messages were sent before counting began. */
  readonly warmupMs: number;
  /** The version of the PROXY header of each connection; null for none. */
  readonly proxyProtocol: 1 | 2 | null;
  /** The number of threads. */
  readonly workers: number;
  /** The time limit of connecting; over UDP, of the wait for a datagram. */
  readonly timeoutMs: number;
  /** How long to wait for the last echoes. */
  readonly drainMs: number;
  /** The percentiles of `percentilesUs`. */
  readonly percentiles: readonly number[];
}

/** What happened to datagrams. */
export interface BenchDatagrams {
  /** The number sent. */
  readonly sent: number;
  /** The number that came back in time. */
  readonly received: number;
  /** The number that did not. */
  readonly lost: number;
  /** The lost ones in per cent of those sent. */
  readonly lostPercent: number;
  /** The number lost in the client's own receive buffer, where the system says so. */
  readonly unread: number;
  /** The number that came back once more. */
  readonly duplicated: number;
  /** The number that came back after a later one. */
  readonly reordered: number;
  /** RFC 3550's jitter, of the round trip, a mean of the connections; null if unknown. */
  readonly jitterUs: number | null;
}

/** The connections that ended and were to be opened again. */
export interface BenchReconnections {
  /** How many were cut. */
  readonly cut: number;
  /** How many messages were in flight then, and did not come back. */
  readonly inFlight: number;
  /** How many had no echo any more until the run was over. */
  readonly notBack: number;
  /** For how long the others had none: from the cut to the next echo. */
  readonly gapUs: LatencySummary;
}

/** The spread over the connections. The lists are in their order, and empty with `churn`. */
export interface BenchConnections {
  /** The fewest messages of one connection. */
  readonly least: number;
  /** The most messages of one connection. */
  readonly most: number;
  /** Jain's index of fairness of the messages: 1 if all have as many. */
  readonly jain: number;
  /** The number of messages of each. */
  readonly messages: readonly number[];
  /** The median of each, to 3 %; null for fewer than 2 messages. */
  readonly p50Us: readonly (number | null)[];
  /** The 99th percentile of each, to 3 %; null for fewer than 100 messages. */
  readonly p99Us: readonly (number | null)[];
}

/** The result of a run. The names of durations and rates end in their unit. */
export interface BenchResult {
  /** The endpoint. */
  readonly endpoint: string;
  /** Present if the certificate of the server was not checked. */
  readonly insecure?: true;
  /** The address that its name stands for, or null where the system does not say. */
  readonly address: string | null;
  /** The options. */
  readonly options: BenchSetup;
  /** When the first message was sent: a date and time in UTC, in ISO 8601. */
  readonly startedAt: string;
  /** For how long messages were counted, up to the last echo. */
  readonly durationMs: number;
  /** Why it ended before its time, or null: `no connection left`, `interrupted`, … */
  readonly endedEarly: string | null;
  /** The number of counted messages that came back. */
  readonly messages: number;
  /** The number of bytes in them, each way. */
  readonly bytes: number;
  /** How many came back in a second, of the warm-up's last ones too. */
  readonly messagesPerSecond: number;
  /** The spread over the connections. */
  readonly perConnection: BenchConnections;
  /** How many were asked for, sent and echoed in a second; null without `rate`. */
  readonly ratesPerSecond: {
    readonly asked: number;
    readonly sent: number;
    /** Between the first and the last echo. */
    readonly echoed: number;
  } | null;
  /** The number due and never sent: the client was too slow, or the server took no more. */
  readonly unsent: number;
  /** The number in flight when `drainSignal` ended the wait for them: no errors. */
  readonly notAwaited: number;
  /** The part of one processor that each thread of the client used, 0 to 1. */
  readonly clientCpu: number;
  /** Whether the client was the limit, and not the server. */
  readonly clientWasLimit: boolean;
  /** The latency; with `rate`, from the scheduled time. */
  readonly latencyUs: LatencySummary;
  /** The percentiles of the latency that were asked for; null for too few messages. */
  readonly percentilesUs: readonly {
    readonly percent: number;
    readonly us: number | null;
  }[];
  /** The lateness of sending; null without `rate`. */
  readonly sendLateUs: LatencySummary | null;
  /** The latency from the sending; null without `rate`. */
  readonly responseUs: LatencySummary | null;
  /** How long connecting took; over TLS with the handshake. */
  readonly connectUs: LatencySummary;
  /** What happened to datagrams; null but over UDP. */
  readonly datagrams: BenchDatagrams | null;
  /** The connections that were opened again; null without `reconnect`. */
  readonly reconnections: BenchReconnections | null;
  /** The numbers of messages that took less than `lessThanUs` microseconds, and at least half of that. */
  readonly histogram: readonly {
    readonly lessThanUs: number;
    readonly messages: number;
  }[];
  /** The percentiles of the latency, the denser the closer they are to 100. */
  readonly curve: readonly CurvePoint[];
  /** What happened second by second. */
  readonly series: readonly BenchSecond[];
  /** The number of faulty bytes or connections, by kind. */
  readonly errors: { readonly [kind in FaultKind]?: number };
  /** The first fault of each kind. */
  readonly firstErrors: readonly Fault[];
  /** echod's version. */
  readonly version: string;
  /** The runtime and its version. */
  readonly runtime: string;
}
