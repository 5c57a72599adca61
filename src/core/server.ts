import { combine, Combined } from "./combine.ts";
import { Admission } from "./admission.ts";
import { Counts } from "./counts.ts";
import { echoAmong, Shared } from "./echo.ts";
import { checkNames } from "./check_names.ts";
import {
  checkAddr,
  checkConnection,
  checkListener,
  wrongCount,
} from "./check_transport.ts";
import type { EchoServer, ShutdownOptions, Stats } from "./echo_server.ts";
import { codeOf, reasonOf } from "./error_message.ts";
import { type Ender, Handle, type Served } from "./connection_handle.ts";
import { HandshakeError, TlsError } from "./handshake.ts";
import { type EndingFault, InjectedFault } from "./injected_fault.ts";
import {
  checkServeOptions,
  checkTime,
  type CloseReason,
  type Limits,
  limitsOf,
  LONGEST_TIME,
  type OpenConnection,
  type RefuseReason,
  type ServeOptions,
} from "./serve_options.ts";
import { formatEndpoint } from "./format_addr.ts";
import { Standstill } from "./standstill.ts";
import type { Addr, Connection, Listener } from "./transport.ts";

/** The first and the longest wait after a failed `accept`, in milliseconds. */
const BACKOFF = { first: 5, longest: 1_000 };
/** Failures of `accept` that are closer together than this are one episode, in milliseconds. */
const EPISODE = 2 * BACKOFF.longest;
/** The number of sweeps within `idleTimeout` or `maxLifetime`. */
const SWEEPS = 10;
/** The timeout to sweep for where only `idle` of connections is asked for, in milliseconds. */
const WATCHED = 10_000;
/**
 * How long the orderly end of a connection may take, in milliseconds:
 * until the peer has what was counted, and has ended its side as well.
 */
const FAREWELL = 2_000;
/**
 * How long a listener or a connection that is closed may take to settle what is
 * pending, before it is left alone, in milliseconds.
 */
const PATIENCE = 1_000;
/** How much to read and drop at a time from a peer whose connection ends, in bytes. */
const SINK = 64 * 1024;
/** Errors that mean just that the peer has gone. */
const RESETS: ReadonlySet<unknown> = new Set([
  "ECONNRESET",
  "ECONNABORTED",
  "EPIPE",
]);

/**
 * Echoes every connection of a listener, all of them concurrently and with equal
 * shares, until it is shut down.
 *
 * No client can end the server: an error on one connection affects no other.
 *
 * @example
 * ```ts
 * import { listen, serve } from "@echod/echod";
 *
 * await using server = serve(await listen({ port: 0 }), {
 *   maxConnections: 1_000,
 *   idleTimeout: 30_000,
 *   onClose: ({ id, bytes, reason }) => console.log(id, bytes, reason),
 * });
 * console.log(server.addr, server.stats().accepted);
 * ```
 *
 * @param listener A bound listener, or several to serve together, which the
 * server will close.
 * @throws {TypeError} If the listener is none, or an option is unknown or of the
 * wrong type. The listener is closed then.
 * @throws {RangeError} If an option is out of range. The listener is closed then.
 */
export function serve<A extends Addr>(
  listener: Listener<A> | readonly Listener<A>[],
  options: ServeOptions = {},
): EchoServer<A> {
  const listeners = Array.isArray(listener) ? listener : [listener];
  return serveCounting(
    listeners,
    options,
    new Counts(new ArrayBuffer(Counts.sizeFor(listeners.length))),
  );
}

/** As {@linkcode serve}, with the counts in a given place, which need not be zero. */
export function serveCounting<A extends Addr>(
  listeners: readonly Listener<A>[],
  options: ServeOptions,
  counts: Counts,
): EchoServer<A> {
  try {
    for (const one of listeners) checkListener(one);
    checkServeOptions(options);
    return new Server(listeners, options, counts);
  } catch (error) {
    // It was handed over, so nobody else will close it.
    for (const one of listeners) {
      Promise.try(() => one.close()).catch(() => {});
    }
    throw error;
  }
}

/** What a connection says of its peer. */
type Peer = Pick<Connection, "remoteAddr" | "via" | "refused">;

interface Entry extends Served {
  /** The index of its listener. */
  readonly endpoint: number;
  readonly connection: Connection;
  bytes: number;
  moved: boolean;
  quietSince: number;
  /** The number of bytes that ends it. */
  most: number;
  /** Why it ended; set once it has. */
  reason?: CloseReason;
  /** Settles when the end has been sent, where it ends in good order. */
  farewell?: Promise<void>;
  timer?: ReturnType<typeof setTimeout>;
  closed: boolean;
  /** The reason for the error, if it is known. */
  error?: string | undefined;
  /** The fault that ended it. */
  fault?: EndingFault;
}

class Server<A extends Addr> implements EchoServer<A> {
  readonly addr: A;
  readonly url: string;
  readonly addrs: readonly A[];
  readonly limits: Limits;
  readonly faults: readonly Listener["faults"][];
  readonly finished: Promise<void>;
  readonly #listeners: readonly Listener<A>[];
  readonly #listener: Listener;
  readonly #counts: Counts;
  readonly #options: ServeOptions;
  readonly #admission: Admission;
  readonly #shared = new Shared();
  readonly #entries = new Set<Entry>();
  readonly #startedAt = new Date();
  readonly #ender: Ender<Entry> = {
    close: (entry) => this.#finish(entry, "closed"),
    reset: (entry) => this.#reset(entry),
  };
  #lastId = 0;
  #peak = 0;
  /** Whether it is being shut down, though it may still accept. */
  #leaving = false;
  #stopping = false;
  /** Whether the listener is closed: one that can be stopped first is so later. */
  #closed = false;
  #closing = false;
  #sink: Uint8Array | undefined;
  #stopsAt = Infinity;
  #stopTimer?: ReturnType<typeof setTimeout>;
  #deadline = Infinity;
  #graceTimer?: ReturnType<typeof setTimeout>;
  #sweeper: ReturnType<typeof setInterval> | undefined;
  /** Whether somebody wants to know how long connections are idle. */
  #isWatched = false;
  #wake?: () => void;
  /** Ends a pending `accept` that the closed listener does not settle. */
  #stopAccepting: (() => void) | undefined;

  constructor(
    listeners: readonly Listener<A>[],
    options: ServeOptions,
    counts: Counts,
  ) {
    const listener = combine(listeners);
    this.addr = withPrototype(listener.addr);
    this.url = formatEndpoint(this.addr);
    this.addrs = listeners.map(({ addr }) => withPrototype(addr));
    this.limits = limitsOf(options);
    this.faults = listeners.map(({ faults }) => faults);
    this.#listeners = listeners;
    this.#listener = listener;
    this.#counts = counts;
    this.#options = options;
    this.#admission = new Admission(options);
    this.finished = this.#run();
  }

  async #run(): Promise<void> {
    const { signal } = this.#options;
    const abort = () => this.#closeAll();
    signal?.addEventListener("abort", abort);
    if (signal?.aborted) abort();

    await this.#acceptAll();
    if (this.#stopping) this.#closeListener();
    while (this.#entries.size > 0) await this.#change();

    clearTimeout(this.#stopTimer);
    clearTimeout(this.#graceTimer);
    signal?.removeEventListener("abort", abort);
  }

  async #acceptAll(): Promise<void> {
    const { maxConnections = Infinity } = this.#options;
    let backoff = 0;
    let failedAt = -Infinity;
    while (!this.#closed) {
      if (this.#entries.size >= maxConnections) {
        await this.#change();
        continue;
      }
      let connection: Connection | null;
      try {
        connection = await this.#accept();
      } catch (error) {
        // A closed listener may reject what is pending, as a Deno.Listener does.
        if (this.#stopping) return;
        const now = performance.now();
        if (now - failedAt > EPISODE) this.#report(error);
        failedAt = now;
        backoff = Math.min(backoff * 2 || BACKOFF.first, BACKOFF.longest);
        await this.#change(backoff);
        continue;
      }
      if (connection === null) return;
      backoff = 0;
      const peer = this.#peerOf(connection);
      if (peer && this.#admits(connection, peer)) {
        this.#serve(connection, peer);
      }
    }
  }

  /** Accepts a connection. Resolves with null soon after the listener is closed. */
  #accept(): Promise<Connection | null> {
    return new Promise((resolve, reject) => {
      let isOver = false;
      let timer: ReturnType<typeof setTimeout> | undefined;
      const stopAccepting = () => {
        timer ??= setTimeout(() => {
          isOver = true;
          resolve(null);
        }, PATIENCE);
      };
      this.#stopAccepting = stopAccepting;
      if (this.#stopping) stopAccepting();
      Promise.try(() => this.#listener.accept()).finally(() => {
        clearTimeout(timer);
        this.#stopAccepting = undefined;
      }).then((connection) => {
        if (connection !== null) checkConnection(connection);
        if (isOver && connection) this.#closeQuietly(connection);
        resolve(connection);
      }).catch(reject);
    });
  }

  /** What a connection says of its peer. One that gives no address is closed. */
  #peerOf(connection: Connection): Peer | undefined {
    try {
      // Read once, as a getter may give another the next time, or throw.
      const { remoteAddr, via, refused } = connection;
      checkAddr(remoteAddr);
      return {
        remoteAddr: withPrototype(remoteAddr),
        via: via && withPrototype(via),
        refused,
      };
    } catch (error) {
      this.#report(error);
      this.#closeQuietly(connection);
      return undefined;
    }
  }

  /** Admits a client, or closes its connection. Reports whether it was admitted. */
  #admits(connection: Connection, peer: Peer): boolean {
    const { remoteAddr, via, refused } = peer;
    let reason: RefuseReason | undefined;
    try {
      reason = refused?.reason ?? this.#admission.enter(remoteAddr);
    } catch (error) {
      this.#report(error);
      reason = "denied";
    }
    if (reason === undefined) return true;
    this.#counts.refuse(reason);
    this.#closeQuietly(connection);
    const details = { via, error: refused?.error };
    this.#call(() => this.#options.onRefuse?.(remoteAddr, reason, details));
    return false;
  }

  #serve(connection: Connection, { remoteAddr, via }: Peer): void {
    const { maxBytes = Infinity } = this.#options;
    const now = performance.now();
    const entry: Entry = {
      id: ++this.#lastId,
      remoteAddr,
      via,
      endpoint: this.#latestEndpoint(),
      connection,
      openedAt: now,
      bytes: 0,
      moved: false,
      quietSince: now,
      most: maxBytes,
      closed: false,
    };
    this.#entries.add(entry);
    this.#counts.open(entry.endpoint);
    this.#peak = Math.max(this.#peak, this.#entries.size);
    this.#startSweeping();
    const { onOpen } = this.#options;
    if (onOpen) {
      this.#call(() => onOpen(this.#handle(entry)), entry);
    }
    if (this.#closing) this.#end(entry, "shutdown");

    this.#echo(entry);
  }

  /** The index of the listener that has just accepted. */
  #latestEndpoint(): number {
    const [listener, listeners] = [this.#listener, this.#listeners];
    // A single one may be combined of several itself.
    if (listeners.length === 1 || !(listener instanceof Combined)) return 0;
    return listeners.findIndex((one) => one === listener.latest);
  }

  /** Echoes a connection until it ends, for whatever reason. Never rejects. */
  async #echo(entry: Entry): Promise<void> {
    const { connection } = entry;
    let isFaulty = false;
    const { numbers } = this.#counts;
    const bytes = this.#counts.bytesAt(entry.endpoint);
    try {
      await echoAmong(this.#shared, connection, (count) => {
        if (!(count >= 0)) throw wrongCount(count);
        entry.bytes += count;
        numbers[bytes] = (numbers[bytes] ?? 0) + count;
        entry.moved = true;
        if (entry.bytes >= entry.most) this.#reachMost(entry);
      });
      entry.reason ??= "eof";
    } catch (error) {
      // After an end on this side, the error is just that of the pending read.
      if (entry.reason === undefined && error instanceof InjectedFault) {
        isFaulty = true;
        entry.fault = error.fault;
        if (error.fault === "close") this.#finish(entry, "fault");
        entry.reason = "fault";
      } else if (entry.reason === undefined) {
        this.#report(error, entry);
        if (isReset(error)) {
          entry.reason = "reset";
        } else {
          entry.reason = error instanceof HandshakeError
            ? "handshake"
            : "error";
          entry.error = error instanceof TlsError
            ? error.reason
            : reasonOf(error);
        }
      }
    }
    if (entry.farewell) {
      // A pipe that has not failed drops everything itself.
      const drained = connection.pipe && !isFaulty || this.#drain(connection);
      await Promise.all([entry.farewell, drained]);
    }
    this.#close(entry);
    this.#settle(entry);
  }

  /** Accounts for a connection that has ended, once. */
  #settle(entry: Entry): void {
    if (!this.#entries.delete(entry)) return;
    clearTimeout(entry.timer);
    if (this.#entries.size === 0) this.#stopSweeping();
    this.#admission.leave(entry.remoteAddr);
    const duration = performance.now() - entry.openedAt;
    const reason = entry.reason ?? "error";
    this.#counts.close(entry.endpoint, reason, duration);
    const { onClose } = this.#options;
    if (onClose) {
      const { id, remoteAddr, via, bytes } = entry;
      const closed = {
        id,
        remoteAddr,
        ...(via && { via }),
        bytes,
        duration,
        reason,
        ...(entry.error !== undefined && { error: entry.error }),
        ...(entry.fault !== undefined && { fault: entry.fault }),
      };
      this.#call(() => onClose(closed), entry);
    }
    this.#wake?.();
  }

  /** Ends a connection at once: the first reason counts. */
  #end(entry: Entry, reason: CloseReason): void {
    entry.reason ??= reason;
    this.#close(entry);
  }

  /**
   * Ends a connection so that what is counted arrives: nothing more is echoed,
   * the write under way is finished, the end is sent. What the peer still sends
   * is dropped meanwhile, as closing on unread bytes would reset the connection
   * and destroy those in flight. The first reason counts.
   */
  #finish(entry: Entry, reason: CloseReason): void {
    if (entry.reason !== undefined) return;
    const { connection } = entry;
    let closeWrite: Connection["closeWrite"];
    try {
      ({ closeWrite } = connection);
    } catch (error) {
      this.#report(error, entry);
    }
    if (!closeWrite) {
      this.#end(entry, reason);
      return;
    }
    entry.reason = reason;
    // The next byte that moves is the last.
    entry.most = 0;
    const close = () => this.#close(entry);
    entry.timer = setTimeout(close, FAREWELL);
    entry.farewell = Promise.try(() => closeWrite.call(connection)).catch(
      close,
    );
  }

  #reachMost(entry: Entry): void {
    this.#finish(entry, "limit");
    // So a loop of read and write ends, while a pipe ends by itself.
    if (!entry.connection.pipe) throw new Error("Ended by the server");
  }

  /** Drops what a peer still sends, until it ends its side or is closed. */
  async #drain(connection: Connection): Promise<void> {
    // One buffer serves all, because its content is not used.
    this.#sink ??= new Uint8Array(SINK);
    try {
      while ((await connection.read(this.#sink) ?? 0) > 0);
    } catch {
      // The peer has gone, or its time is over.
    }
  }

  /** Closes a connection, once. */
  #close(entry: Entry): void {
    if (!this.#isLast(entry)) return;
    this.#closeQuietly(entry.connection, entry);
  }

  /** Resets a connection, once. */
  #reset(entry: Entry): void {
    const { connection } = entry;
    if (!connection.reset) {
      throw new Error(
        "Cannot reset the connection: its transport has no reset, or on Deno was not opened with resets: true",
      );
    }
    if (!this.#isLast(entry)) return;
    entry.reason ??= "closed";
    connection.reset();
  }

  /** Reports whether a connection is still to be closed, which it is only once. */
  #isLast(entry: Entry): boolean {
    if (entry.closed) return false;
    entry.closed = true;
    clearTimeout(entry.timer);
    // In case the closed connection leaves something pending.
    entry.timer = setTimeout(() => this.#settle(entry), PATIENCE);
    return true;
  }

  /** Closes a connection, and reports if it fails to. */
  #closeQuietly(connection: Connection, entry?: Entry): void {
    this.#call(() => connection.close(), entry);
  }

  /** What a callback may know of a connection, and do with it. */
  #handle(entry: Entry): OpenConnection {
    return new Handle(
      entry,
      this.addrs[entry.endpoint] ?? this.addr,
      this.#ender,
    );
  }

  /** Looks after the connections' times while there are any. */
  #startSweeping(): void {
    const { idleTimeout = Infinity, maxLifetime = Infinity } = this.#options;
    const watched = this.#isWatched ? WATCHED : Infinity;
    const shortest = Math.min(idleTimeout, maxLifetime, watched);
    if (shortest === Infinity) return;
    if (this.#sweeper) return;
    const interval = shortest / SWEEPS;
    const standstill = new Standstill(interval);
    standstill.start();
    this.#sweeper = setInterval(
      () => this.#sweep(idleTimeout, maxLifetime, standstill),
      interval,
    );
  }

  #stopSweeping(): void {
    clearInterval(this.#sweeper);
    this.#sweeper = undefined;
  }

  #sweep(
    idleTimeout: number,
    maxLifetime: number,
    standstill: Standstill,
  ): void {
    const now = performance.now();
    standstill.look(now);
    const isBehind = standstill.isBehind(now);
    for (const entry of this.#entries) {
      if (now - entry.openedAt >= maxLifetime) {
        this.#finish(entry, "lifetime");
      } else if (entry.moved) {
        entry.moved = false;
        entry.quietSince = now;
      } else if (now - entry.quietSince >= idleTimeout && !isBehind) {
        this.#finish(entry, "idle");
      }
    }
  }

  stats(): Stats {
    this.#counts.setWaiting(this.#shared.turnstile.waiting);
    for (const [index, { datagrams }] of this.#listeners.entries()) {
      if (datagrams) this.#counts.setDatagrams(index, datagrams);
    }
    return {
      ...this.#counts.read(this.addrs),
      peak: this.#peak,
      limit: this.#options.maxConnections ?? Infinity,
      stopping: this.#leaving,
      startedAt: new Date(this.#startedAt),
    };
  }

  connections(): OpenConnection[] {
    if (!this.#isWatched) {
      this.#isWatched = true;
      this.#stopSweeping();
      if (this.#entries.size > 0) this.#startSweeping();
    }
    return Array.from(this.#entries, (entry) => this.#handle(entry));
  }

  // deno-lint-ignore require-await -- so that an invalid option rejects
  async shutdown(options: ShutdownOptions = {}): Promise<void> {
    checkNames("Cannot shut down", options, ["delay", "grace"]);
    const { delay = 0, grace = Infinity } = options;
    checkTime("Cannot shut down: delay", delay, 0);
    if (grace !== Infinity) checkTime("Cannot shut down: grace", grace, 0);
    this.#leaving = true;
    const stopsAt = performance.now() + delay;
    if (stopsAt < this.#stopsAt) {
      this.#stopsAt = stopsAt;
      clearTimeout(this.#stopTimer);
      if (delay === 0) this.#stop();
      else this.#stopTimer = setTimeout(() => this.#stop(), delay);
    }
    const deadline = stopsAt + grace;
    if (deadline < this.#deadline) {
      this.#deadline = deadline;
      clearTimeout(this.#graceTimer);
      const wait = Math.min(delay + grace, LONGEST_TIME);
      if (wait === 0) this.#closeAll();
      else this.#graceTimer = setTimeout(() => this.#finishAll(), wait);
    }
    return this.finished;
  }

  close(): Promise<void> {
    return this.shutdown({ grace: 0 });
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  ref(): void {
    this.#listener.ref?.();
  }

  unref(): void {
    this.#listener.unref?.();
  }

  /** Stops accepting; only what the listener has accepted already may still come. */
  #stop(): void {
    if (this.#stopping) return;
    this.#leaving = this.#stopping = true;
    if (!this.#listener.stop) return this.#closeListener();
    this.#call(() => this.#listener.stop?.());
    this.#stopAccepting?.();
  }

  #closeListener(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#call(() => this.#listener.close());
    this.#stopAccepting?.();
    this.#wake?.();
  }

  #finishAll(): void {
    this.#closing = true;
    this.#closeListener();
    for (const entry of this.#entries) this.#finish(entry, "shutdown");
  }

  #closeAll(): void {
    this.#closing = this.#leaving = this.#stopping = true;
    this.#closeListener();
    for (const entry of this.#entries) this.#end(entry, "shutdown");
  }

  /** Resolves when a connection has ended, when the server stops, or after `ms`. */
  #change(ms?: number): Promise<void> {
    return new Promise((resolve) => {
      const timer = ms === undefined ? undefined : setTimeout(resolve, ms);
      this.#wake = () => {
        clearTimeout(timer);
        resolve();
      };
    });
  }

  #report(error: unknown, entry?: Entry): void {
    const { onError } = this.#options;
    Promise.try(() => onError?.(error, entry && this.#handle(entry)))
      .catch(() => {});
  }

  /** Runs a callback, and reports what it throws or rejects with. */
  #call(callback: () => unknown, entry?: Entry): void {
    Promise.try(callback).catch((error) => this.#report(error, entry));
  }
}

/** A copy of an address that has no prototype, as Deno's have none: it cannot be printed. */
function withPrototype<A extends Addr>(addr: A): A {
  return Object.getPrototypeOf(addr) === null ? { ...addr } : addr;
}

function isReset(error: unknown): boolean {
  return RESETS.has(codeOf(error));
}
