import { combine, Combined } from "./combine.ts";
import { Admission } from "./admission.ts";
import { Counts } from "./counts.ts";
import { Shared } from "./echo.ts";
import { checkNames } from "./check_names.ts";
import { checkConnection, checkListener, readAddr } from "./check_transport.ts";
import type { EchoServer, ShutdownOptions, Stats } from "./echo_server.ts";
import { Handle } from "./connection_handle.ts";
import {
  checkServeOptions,
  checkTime,
  type Limits,
  limitsOf,
  LONGEST_TIME,
  type OpenConnection,
  type RefuseReason,
  type ServeOptions,
} from "./serve_options.ts";
import { formatEndpoint } from "./format_addr.ts";
import { type Host, PATIENCE, type Peer, Session } from "./session.ts";
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
  readonly #host: Host;
  readonly #sessions = new Set<Session>();
  readonly #startedAt = new Date();
  #lastId = 0;
  #peak = 0;
  /** Whether it is being shut down, though it may still accept. */
  #leaving = false;
  #stopping = false;
  /** Whether the listener is closed: one that can be stopped first is so later. */
  #closed = false;
  #closing = false;
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
    const addrOf = ({ addr }: Listener<A>) =>
      readAddr(addr, "addr of the listener");
    this.addr = addrOf(listener);
    this.url = formatEndpoint(this.addr);
    this.addrs = listeners.map(addrOf);
    this.limits = limitsOf(options);
    this.faults = listeners.map(({ faults }) => faults);
    this.#listeners = listeners;
    this.#listener = listener;
    this.#counts = counts;
    this.#options = options;
    this.#admission = new Admission(options);
    this.#host = {
      shared: new Shared(),
      counts,
      maxBytes: options.maxBytes ?? Infinity,
      onError: (error, session) => this.#report(error, session),
      onEnd: (session) => this.#settle(session),
    };
    this.finished = this.#run();
  }

  async #run(): Promise<void> {
    const { signal } = this.#options;
    const abort = () => this.#closeAll();
    signal?.addEventListener("abort", abort);
    if (signal?.aborted) abort();

    await this.#acceptAll();
    if (this.#stopping) this.#closeListener();
    while (this.#sessions.size > 0) await this.#change();

    clearTimeout(this.#stopTimer);
    clearTimeout(this.#graceTimer);
    signal?.removeEventListener("abort", abort);
  }

  async #acceptAll(): Promise<void> {
    const { maxConnections = Infinity } = this.#options;
    let backoff = 0;
    let failedAt = -Infinity;
    while (!this.#closed) {
      if (this.#sessions.size >= maxConnections) {
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
      return {
        remoteAddr: readAddr(remoteAddr, "remoteAddr of the connection"),
        via: via && readAddr(via, "via of the connection"),
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

  #serve(connection: Connection, peer: Peer): void {
    const id = ++this.#lastId;
    const endpoint = this.#latestEndpoint();
    const session = new Session(id, endpoint, connection, peer, this.#host);
    this.#sessions.add(session);
    this.#counts.open(endpoint);
    this.#peak = Math.max(this.#peak, this.#sessions.size);
    this.#startSweeping();
    const { onOpen } = this.#options;
    if (onOpen) {
      this.#call(() => onOpen(this.#handle(session)), session);
    }
    if (this.#closing) session.abort("shutdown");
    session.run();
  }

  /** The index of the listener that has just accepted. */
  #latestEndpoint(): number {
    const [listener, listeners] = [this.#listener, this.#listeners];
    // A single one may be combined of several itself.
    if (listeners.length === 1 || !(listener instanceof Combined)) return 0;
    return listeners.findIndex((one) => one === listener.latest);
  }

  /** Accounts for a connection that has ended, once. */
  #settle(session: Session): void {
    if (!this.#sessions.delete(session)) return;
    if (this.#sessions.size === 0) this.#stopSweeping();
    const { id, endpoint, remoteAddr, via, bytes, error, fault } = session;
    this.#admission.leave(remoteAddr);
    const duration = performance.now() - session.openedAt;
    const reason = session.reason ?? "error";
    this.#counts.close(endpoint, reason, duration);
    const { onClose } = this.#options;
    if (onClose) {
      const closed = {
        id,
        remoteAddr,
        ...(via && { via }),
        bytes,
        duration,
        reason,
        ...(error !== undefined && { error }),
        ...(fault !== undefined && { fault }),
      };
      this.#call(() => onClose(closed), session);
    }
    this.#wake?.();
  }

  /** Closes a connection that is not served, and reports if that fails. */
  #closeQuietly(connection: Connection): void {
    this.#call(() => connection.close());
  }

  /** What a callback may know of a connection, and do with it. */
  #handle(session: Session): OpenConnection {
    return new Handle(session, this.addrs[session.endpoint] ?? this.addr);
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
    for (const session of this.#sessions) {
      if (now - session.openedAt >= maxLifetime) {
        session.finish("lifetime");
      } else if (session.moved) {
        session.moved = false;
        session.quietSince = now;
      } else if (now - session.quietSince >= idleTimeout && !isBehind) {
        session.finish("idle");
      }
    }
  }

  stats(): Stats {
    this.#counts.setWaiting(this.#host.shared.turnstile.waiting);
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
      if (this.#sessions.size > 0) this.#startSweeping();
    }
    return Array.from(this.#sessions, (session) => this.#handle(session));
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
    for (const session of this.#sessions) session.finish("shutdown");
  }

  #closeAll(): void {
    this.#closing = this.#leaving = this.#stopping = true;
    this.#closeListener();
    for (const session of this.#sessions) session.abort("shutdown");
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

  #report(error: unknown, session?: Session): void {
    const { onError } = this.#options;
    Promise.try(() => onError?.(error, session && this.#handle(session)))
      .catch(() => {});
  }

  /** Runs a callback, and reports what it throws or rejects with. */
  #call(callback: () => unknown, session?: Session): void {
    Promise.try(callback).catch((error) => this.#report(error, session));
  }
}
