import { checkNames } from "./check_names.ts";
import type { EndingFault } from "./injected_fault.ts";
import type { Addr } from "./transport.ts";

/** The longest delay that timers support: 24.8 days, in milliseconds. */
export const LONGEST_TIME = 2 ** 31 - 1;

/**
 * Why a client was refused:
 *
 * - `"denied"`: `admit` did not return true;
 * - `"per-host"`: its host has `maxConnectionsPerHost` connections already;
 * - `"proxy"`: a balancer should have told of it in a PROXY header, and has not.
 */
export type RefuseReason = "denied" | "per-host" | "proxy";

/** What else is known of a refused client. */
export interface RefusalDetails {
  /** The balancer that the client has come through, where it is known. */
  readonly via?: Addr | undefined;
  /** What is wrong, in a few words, where the reason does not say it. */
  readonly error?: string | undefined;
}

/** A connection of a server. */
export interface ServedConnection {
  /** Its number, counted from 1 in the order in which connections are accepted. */
  readonly id: number;
  /** The client's address. */
  readonly remoteAddr: Addr;
  /** The address of the balancer that the client has come through, if there is one. */
  readonly via?: Addr;
  /** How many bytes have been echoed. */
  readonly bytes: number;
  /** How long it has been open, in milliseconds. */
  readonly duration: number;
}

/**
 * An open connection, and the two ways to end it. Both do nothing once it has
 * ended. `onClose` then says the reason `"closed"`.
 */
export interface OpenConnection extends ServedConnection {
  /** The address of the listener that has accepted it. */
  readonly listenerAddr: Addr;
  /**
   * For how long no byte has moved, in milliseconds. It is looked at every second
   * from the first call of `connections()` on; until then this may be too short.
   */
  readonly idle: number;
  /**
   * Ends the connection in good order: nothing more is echoed, the client gets all
   * that is counted, and the end after it.
   */
  close(): void;
  /**
   * Resets the connection: the client's next operation fails with `ECONNRESET`.
   * What it has not received is lost.
   *
   * @throws {Error} If it cannot be reset: on Deno the listener needs
   * `resets: true`, and Unix sockets have no reset.
   */
  reset(): void;
}

/**
 * Why a connection ended:
 *
 * - `"eof"`: the client ended its sending side, and everything was echoed;
 * - `"reset"`: the client reset it;
 * - `"handshake"`: its TLS handshake failed;
 * - `"idle"`: no byte moved for `idleTimeout`;
 * - `"lifetime"`: it was open for `maxLifetime`;
 * - `"limit"`: it echoed `maxBytes`;
 * - `"closed"`: the program ended it, by `close()` or `reset()`;
 * - `"shutdown"`: the server was shut down;
 * - `"fault"`: it was ended on purpose, by the fault `reset` or `close`;
 * - `"error"`: anything else.
 */
export type CloseReason =
  | "eof"
  | "reset"
  | "handshake"
  | "idle"
  | "lifetime"
  | "limit"
  | "closed"
  | "shutdown"
  | "fault"
  | "error";

/** A connection that has ended. */
export interface ClosedConnection extends ServedConnection {
  /** Why it ended. */
  readonly reason: CloseReason;
  /**
   * What the error was, where `reason` is `"handshake"` or `"error"` and it is
   * known: in a few words, for example `"no shared cipher"`, with nothing of the peer's in them.
   */
  readonly error?: string;
  /** Which fault ended it, where `reason` is `"fault"`. */
  readonly fault?: EndingFault;
}

/**
 * Options of {@linkcode serve}.
 *
 * A connection that a limit ends is ended in good order: what is counted is sent,
 * and the end after it, and what the peer still sends is dropped until it has
 * ended its side too. That takes 2 s at most; then it is closed.
 */
export interface ServeOptions {
  /**
   * Decides by its address whether to admit a client. Any other client is closed
   * before a byte is read. Only `true` admits: an error, a promise or another value
   * refuses the client, and reaches `onError`. By default every client is admitted.
   */
  readonly admit?: ((remoteAddr: Addr) => boolean) | undefined;
  /**
   * The number of connections that one host may have at the same time, at least 1.
   * A host is an IPv4 address, or the /64 network of an IPv6 address. Further
   * connections are closed before a byte is read. Unix sockets have no host, and
   * no such limit.
   *
   * @default {Infinity}
   */
  readonly maxConnectionsPerHost?: number | undefined;
  /**
   * The number of connections to serve at the same time, at least 1. Further
   * clients wait in the backlog of the system. With 1, clients are served one
   * after another.
   *
   * @default {Infinity}
   */
  readonly maxConnections?: number | undefined;
  /**
   * Closes a connection on which no byte has moved for this long, in
   * milliseconds: more than 0, at most 2,147,483,647 (24.8 days). The end may come
   * a quarter of that time late. Off by default.
   */
  readonly idleTimeout?: number | undefined;
  /**
   * Closes a connection that has been open for this long, in milliseconds: more
   * than 0, at most 2,147,483,647 (24.8 days). The end may come a quarter of that
   * time late. Off by default.
   */
  readonly maxLifetime?: number | undefined;
  /**
   * Closes a connection that has echoed this many bytes, at least 1. As that is
   * looked at after each write, what was read at once may go beyond it: by up to
   * 64 KiB, on Bun by 512 KiB. The peer gets all that is counted.
   *
   * @default {Infinity}
   */
  readonly maxBytes?: number | undefined;
  /** Closes the server and its connections at once when it aborts, as in `Deno.serve`. */
  readonly signal?: AbortSignal | undefined;
  /** Called when a client has been refused. */
  readonly onRefuse?:
    | ((
      remoteAddr: Addr,
      reason: RefuseReason,
      details: RefusalDetails,
    ) => void)
    | undefined;
  /** Called when a connection has been accepted. */
  readonly onOpen?: ((connection: OpenConnection) => void) | undefined;
  /** Called when a connection has ended. */
  readonly onClose?: ((connection: ClosedConnection) => void) | undefined;
  /**
   * Called with the error of a connection that failed. Called without a connection
   * when the system cannot accept (once, until it has accepted again for 2 s).
   * Also called with what the other callbacks throw. What it throws is ignored.
   */
  readonly onError?:
    | ((error: unknown, connection?: OpenConnection) => void)
    | undefined;
}

/** The limits among the options of {@linkcode serve}. */
export type Limits = Pick<
  ServeOptions,
  | "maxConnections"
  | "maxConnectionsPerHost"
  | "idleTimeout"
  | "maxLifetime"
  | "maxBytes"
>;

/** Returns the limits among options. */
export function limitsOf(options: ServeOptions): Limits {
  const {
    maxConnections,
    maxConnectionsPerHost,
    idleTimeout,
    maxLifetime,
    maxBytes,
  } = options;
  return {
    maxConnections,
    maxConnectionsPerHost,
    idleTimeout,
    maxLifetime,
    maxBytes,
  };
}

/** All options. */
const NAMES = [
  "admit",
  "maxConnections",
  "maxConnectionsPerHost",
  "idleTimeout",
  "maxLifetime",
  "maxBytes",
  "signal",
  "onRefuse",
  "onOpen",
  "onClose",
  "onError",
] as const satisfies (keyof ServeOptions)[];

/** Throws a TypeError or a RangeError if an option is invalid. */
export function checkServeOptions(options: ServeOptions): void {
  checkNames("Cannot serve", options, NAMES);
  for (
    const name of [
      "maxConnections",
      "maxConnectionsPerHost",
      "maxBytes",
    ] as const
  ) {
    const count = options[name];
    if (count !== undefined) checkCount(name, count);
  }
  for (const name of ["idleTimeout", "maxLifetime"] as const) {
    const time = options[name];
    if (time !== undefined && time !== Infinity) {
      checkTime(`Cannot serve: ${name}`, time, Number.MIN_VALUE);
    }
  }
  const { signal } = options;
  // Not by its class, as test runners give each file a realm of its own.
  if (signal !== undefined && typeof signal?.addEventListener !== "function") {
    throw new TypeError("Cannot serve: signal must be an AbortSignal");
  }
  for (
    const name of ["admit", "onRefuse", "onOpen", "onClose", "onError"] as const
  ) {
    if (!["function", "undefined"].includes(typeof options[name])) {
      throw new TypeError(`Cannot serve: ${name} must be a function`);
    }
  }
}

function checkCount(name: string, count: number): void {
  if (count !== Infinity && !Number.isInteger(count)) {
    throw new TypeError(
      `Cannot serve: ${name} must be a whole number or Infinity, but is ${count}`,
    );
  }
  if (count < 1) {
    throw new RangeError(
      `Cannot serve: ${name} must be 1 or more, but is ${count}`,
    );
  }
}

/** Throws if a time is out of bounds. */
export function checkTime(name: string, ms: number, least: number): void {
  if (typeof ms !== "number" || Number.isNaN(ms)) {
    throw new TypeError(
      `${name} must be a number of milliseconds, but is ${ms}`,
    );
  }
  if (ms < least || ms > LONGEST_TIME) {
    throw new RangeError(
      `${name} must be ${
        least === 0 ? "from 0" : "more than 0"
      } to ${LONGEST_TIME} milliseconds, but is ${ms}`,
    );
  }
}
