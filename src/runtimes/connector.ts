import type { Addr } from "../core/transport.ts";

/** What connects to an endpoint: the other end of a `Listener`. */
export interface Connector {
  /** Connects. Rejects with the runtime's own error, or a TimeoutError. */
  connect(addr: Addr, handler: SocketHandler): Promise<Socket>;
}

/** What a {@linkcode Connector} has to know. */
export interface ConnectorOptions {
  /** How many bytes are expected to come in at a time. */
  readonly chunkSize: number;
  /** Certificates, in PEM, that are trusted besides the usual ones. */
  readonly ca?: string | undefined;
  /** How long connecting, and a handshake after it, may take each, in milliseconds. */
  readonly timeout: number;
}

/** What did not come in time. */
export const NO_ANSWER = "no answer";
export const NO_HANDSHAKE = "no answer to the TLS handshake";

/**
 * The connecting end of a connection. Unlike a `Connection` it pushes what comes
 * in, which costs least on the runtimes that push.
 */
export interface Socket {
  /** The peer's address, where the system says. */
  readonly remoteAddress?: string | undefined;
  /**
   * Sends bytes and returns how many it has taken. When these are not all,
   * `onDrain` says that there is room again. What is taken must not change
   * before it comes back. Over UDP each call is a datagram.
   */
  write(bytes: Uint8Array, from: number, to: number): number;
  /**
   * Over UDP: how many datagrams have been lost so far because the socket's own
   * receive buffer was full; undefined where the system does not say.
   */
  overflow?(): number | undefined;
  /** Closes both directions. Nothing is called any more. */
  close(): void;
}

/** Who is told what happens to a {@linkcode Socket}. */
export interface SocketHandler {
  /** The first `count` bytes of `chunk` have come in; they are lent for the call. */
  onData(chunk: Uint8Array, count: number): void;
  /** There is room again. */
  onDrain(): void;
  /** The peer has ended its side, or the connection has failed. Called once, at most. */
  onEnd(error?: Error): void;
}
