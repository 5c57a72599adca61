import type { Fault, FaultKind } from "./faults.ts";
import type { CurvePoint } from "./histogram.ts";
import type { LatencySummary } from "./latencies.ts";
import type { BenchSecond } from "./series.ts";

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
    /** The pace of the echoes while messages were sent; at most the part of `asked` that came back. */
    readonly echoed: number;
  } | null;
  /** The number due and never sent: the client was too slow, or the server took no more. */
  readonly unsent: number;
  /** The number in flight when `drainSignal` ended the wait for them: no errors. */
  readonly notAwaited: number;
  /** The part of one processor that each thread of the client used, 0 to 1. */
  readonly clientCpu: number;
  /**
   * For how long the client did nothing at a time, in milliseconds, at most: it was
   * stopped, or its machine was busy. Latencies include that. 0 for up to 100.
   */
  readonly clientStalledMs: number;
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
