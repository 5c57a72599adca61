import { wrongCount } from "./check_transport.ts";
import type { Counts } from "./counts.ts";
import { echoAmong, type Shared } from "./echo.ts";
import { codeOf, reasonOf } from "./error_message.ts";
import { HandshakeError, TlsError } from "./handshake.ts";
import { type EndingFault, InjectedFault } from "./injected_fault.ts";
import type { CloseReason } from "./serve_options.ts";
import type { Addr, Connection } from "./transport.ts";

/**
 * How long the orderly end of a connection may take, in milliseconds:
 * until the peer has what was counted, and has ended its side as well.
 */
const FAREWELL = 2_000;
/**
 * How long a listener or a connection that is closed may take to settle what is
 * pending, before it is left alone, in milliseconds.
 */
export const PATIENCE = 1_000;
/** Errors that mean just that the peer has gone. */
const RESETS: ReadonlySet<unknown> = new Set([
  "ECONNRESET",
  "ECONNABORTED",
  "EPIPE",
]);

/** What a connection says of its peer. */
export type Peer = Pick<Connection, "remoteAddr" | "via" | "refused">;

/** What the sessions of a server share, and tell it. */
export interface Host {
  readonly shared: Shared;
  readonly counts: Counts;
  /** The number of bytes that ends a connection. */
  readonly maxBytes: number;
  /** A connection has failed; its session goes on to its end. */
  onError(error: unknown, session: Session): void;
  /** It is over. May be called more than once. */
  onEnd(session: Session): void;
}

/** One connection of a server, from its accept to its end. */
export class Session {
  readonly id: number;
  /** The index of its listener. */
  readonly endpoint: number;
  readonly remoteAddr: Addr;
  readonly via: Addr | undefined;
  readonly openedAt: number = performance.now();
  bytes = 0;
  /** Whether bytes have moved since the server last looked. */
  moved = false;
  /** When it last looked and bytes had moved. */
  quietSince: number = this.openedAt;
  /** Why it ended; set once it has. */
  reason: CloseReason | undefined;
  /** The reason for the error, if it is known. */
  error: string | undefined;
  /** The fault that ended it. */
  fault: EndingFault | undefined;
  readonly #connection: Connection;
  readonly #host: Host;
  /** The number of bytes that ends it. */
  #most: number;
  /** Settles when the end has been sent, where it ends in good order. */
  #farewell: Promise<void> | undefined;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #closed = false;

  constructor(
    id: number,
    endpoint: number,
    connection: Connection,
    { remoteAddr, via }: Peer,
    host: Host,
  ) {
    this.id = id;
    this.endpoint = endpoint;
    this.remoteAddr = remoteAddr;
    this.via = via;
    this.#connection = connection;
    this.#host = host;
    this.#most = host.maxBytes;
  }

  /** Echoes until it ends, for whatever reason. Never rejects. */
  async run(): Promise<void> {
    const connection = this.#connection;
    let isFaulty = false;
    const { shared, counts } = this.#host;
    const { numbers } = counts;
    const index = counts.bytesAt(this.endpoint);
    try {
      await echoAmong(shared, connection, (count) => {
        if (!Number.isInteger(count) || count < 0) throw wrongCount(count);
        this.bytes += count;
        numbers[index] = (numbers[index] ?? 0) + count;
        this.moved = true;
        if (this.bytes >= this.#most) this.#reachMost();
      });
      this.reason ??= "eof";
    } catch (error) {
      // After an end on this side, the error is just that of the pending read.
      if (this.reason === undefined) {
        isFaulty = error instanceof InjectedFault;
        this.#fail(error);
      }
    }
    if (this.#farewell) {
      // A pipe that has not failed drops everything itself.
      const drained = connection.pipe && !isFaulty || this.#drain();
      await Promise.all([this.#farewell, drained]);
    }
    this.#close();
    this.#end();
  }

  /** Ends it at once: the first reason counts. */
  abort(reason: CloseReason): void {
    this.reason ??= reason;
    this.#close();
  }

  /**
   * Ends it so that what is counted arrives: nothing more is echoed, the write
   * under way is finished, the end is sent. What the peer still sends is dropped
   * meanwhile, as closing on unread bytes would reset the connection and destroy
   * those in flight. The first reason counts.
   */
  finish(reason: CloseReason): void {
    if (this.reason !== undefined) return;
    const connection = this.#connection;
    let closeWrite: Connection["closeWrite"];
    try {
      ({ closeWrite } = connection);
    } catch (error) {
      this.#host.onError(error, this);
    }
    if (!closeWrite) {
      this.abort(reason);
      return;
    }
    this.reason = reason;
    // The next byte that moves is the last.
    this.#most = 0;
    const close = () => this.#close();
    this.#timer = setTimeout(close, FAREWELL);
    this.#farewell = Promise.try(() => closeWrite.call(connection)).catch(
      close,
    );
  }

  /** Resets it. Throws where there is no reset. */
  reset(): void {
    const connection = this.#connection;
    if (!connection.reset) {
      throw new Error(
        "Cannot reset the connection: its transport has no reset, or on Deno was not opened with resets: true",
      );
    }
    if (!this.#isLast()) return;
    this.reason ??= "closed";
    connection.reset();
  }

  /** Takes an error for what it means. */
  #fail(error: unknown): void {
    if (error instanceof InjectedFault) {
      this.fault = error.fault;
      if (error.fault === "close") this.finish("fault");
      this.reason = "fault";
      return;
    }
    this.#host.onError(error, this);
    if (RESETS.has(codeOf(error))) {
      this.reason = "reset";
    } else {
      this.reason = error instanceof HandshakeError ? "handshake" : "error";
      this.error = error instanceof TlsError ? error.reason : reasonOf(error);
    }
  }

  #reachMost(): void {
    this.finish("limit");
    // So a loop of read and write ends, while a pipe ends by itself.
    if (!this.#connection.pipe) throw new Error("Ended by the server");
  }

  /** Drops what the peer still sends, until it ends its side or is closed. */
  async #drain(): Promise<void> {
    const { sink } = this.#host.shared;
    try {
      while ((await this.#connection.read(sink) ?? 0) > 0);
    } catch {
      // The peer has gone, or its time is over.
    }
  }

  /** Closes the connection, once. */
  #close(): void {
    if (!this.#isLast()) return;
    Promise.try(() => this.#connection.close()).catch((error) =>
      this.#host.onError(error, this)
    );
  }

  /** Reports whether the connection is still to be closed, which it is only once. */
  #isLast(): boolean {
    if (this.#closed) return false;
    this.#closed = true;
    clearTimeout(this.#timer);
    // In case the closed connection leaves something pending.
    this.#timer = setTimeout(() => this.#end(), PATIENCE);
    return true;
  }

  #end(): void {
    clearTimeout(this.#timer);
    this.#host.onEnd(this);
  }
}
