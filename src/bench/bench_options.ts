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
