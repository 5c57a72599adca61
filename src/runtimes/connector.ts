import type { Addr } from "../core/transport.ts";
import type { Greet } from "./greeting.ts";

/** Connects to endpoints: the counterpart of a `Listener`. */
export interface Connector {
  /**
   * Connects. Rejects with the runtime's own error, or a TimeoutError.
   *
   * @param serverName Whom the certificate of a TLS server has to name, if that
   * is not the host in `addr`.
   */
  connect(
    addr: Addr,
    handler: SocketHandler,
    serverName?: string,
  ): Promise<Socket>;
}

/** Options of a {@linkcode Connector}. */
export interface ConnectorOptions {
  /** The number of bytes to expect in one read; over UDP, in one datagram. */
  readonly chunkSize: number;
  /** Certificates, in PEM, to trust besides the usual ones. */
  readonly ca?: string | undefined;
  /** Whether to trust `ca` alone. */
  readonly caOnly?: boolean | undefined;
  /** Whether to accept every certificate, unchecked. */
  readonly insecure?: boolean | undefined;
  /** What each connection begins with, before TLS; not over UDP. */
  readonly greet?: Greet | undefined;
  /** The time limit of connecting, and of a handshake, in milliseconds. */
  readonly timeout: number;
}

/** Reasons that differ for a client, by POSIX name. */
export const CONNECT_REASONS: Readonly<Record<string, string>> = {
  // Of a Unix socket.
  EAGAIN: "the server's queue is full",
  ECONNRESET: "connection reset by the server",
  EPIPE: "connection reset by the server",
  // Of a connection that is reset before its ends are asked for.
  ENOTCONN: "connection reset by the server",
  EADDRNOTAVAIL: "no port is left on this side",
};

/** Reasons for a time-out. */
export const NO_ANSWER = "no answer";
export const NO_HANDSHAKE = "no answer to the TLS handshake";

/**
 * The client's end of a connection. Unlike a `Connection` it pushes received data
 * to a handler, which costs least on the runtimes that push.
 */
export interface Socket {
  /** The peer's address, where the system says. */
  readonly remoteAddress?: string | undefined;
  /**
   * Sends bytes and returns how many it has accepted. If these are not all,
   * `onDrain` is called when there is room again. Accepted bytes must not change
   * before their echo has come back. Over UDP each call sends one datagram.
   */
  write(bytes: Uint8Array, from: number, to: number): number;
  /**
   * Over UDP: returns how many datagrams have been lost so far because the
   * socket's own receive buffer was full; undefined where the system does not say.
   */
  overflow?(): number | undefined;
  /** Closes both directions. The handler is not called again. */
  close(): void;
}

/** Handles the events of a {@linkcode Socket}. */
export interface SocketHandler {
  /** The first `count` bytes of `chunk` have been received; they are valid during the call. */
  onData(chunk: Uint8Array, count: number): void;
  /** There is room again. */
  onDrain(): void;
  /** The peer has ended its side, or the connection has failed. Called at most once. */
  onEnd(error?: Error): void;
}
