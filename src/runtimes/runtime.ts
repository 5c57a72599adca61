import type { Connector, ConnectorOptions } from "./connector.ts";
import type { Connection, Listener } from "../core/transport.ts";

/** What echod needs from a JavaScript runtime. */
export interface Runtime {
  /** The name and version, for example `deno 2.9.6`. */
  readonly name: string;
  /** The arguments of the command line. */
  readonly args: readonly string[];
  /** Whether `NO_COLOR` is set. */
  readonly noColor: boolean;
  /** Standard output. */
  readonly stdout: Output;
  /** Standard error. */
  readonly stderr: Output;
  /** Reports whether a TLS socket that it binds can be given another certificate. */
  reloads(options: Pick<TlsBindOptions, "resets" | "plainFirst">): boolean;
  /** Whether sockets can share a port, on a system that lets them. */
  readonly sharesPorts: boolean;
  /** Binds a socket for connections. Rejects with the runtime's own error. */
  listen(options: BindOptions): Promise<Listener>;
  /** Loads the connector, which only the client needs. */
  loadConnector(options: ConnectorOptions): Promise<Connector>;
  /**
   * Calls `handler` at SIGINT and SIGTERM (on Windows at Ctrl+C and Ctrl+Break)
   * instead of ending the process. Returns a function that undoes it.
   */
  onSignal(handler: () => void): () => void;
  /**
   * Calls `handler` at SIGHUP instead of ending the process; on Windows, which
   * has no such signal, never. Returns a function that undoes it.
   */
  onHangup(handler: () => void): () => void;
  /** Ends the process. */
  exit(code: number): void;
}

/** The socket to bind. */
export type BindOptions = {
  /** The number of connections that may wait to be accepted. */
  readonly backlog: number;
} & (TcpBindOptions | TlsBindOptions | UnixBindOptions | FdBindOptions);

/** A TCP socket. */
export interface TcpBindOptions {
  readonly transport: "tcp";
  readonly hostname: string;
  readonly port: number;
  /** Whether other sockets may listen on the same port. */
  readonly reusePort: boolean;
  /** Whether its connections must have `reset`. */
  readonly resets: boolean;
}

/** A TCP socket for TLS. */
export interface TlsBindOptions {
  readonly transport: "tls";
  readonly hostname: string;
  readonly port: number;
  /** Whether other sockets may listen on the same port. */
  readonly reusePort: boolean;
  /** Whether its connections must have `reset`. */
  readonly resets: boolean;
  /** The certificate, in PEM. */
  readonly cert: string;
  /** Its key, in PEM. */
  readonly key: string;
  /** The time that a client has for its handshake, in milliseconds. */
  readonly handshakeTimeout: number;
  /** Whether it accepts connections without TLS, each a {@linkcode PlainConnection}. */
  readonly plainFirst: boolean;
}

/** A connection that has yet to begin TLS. */
export interface PlainConnection extends Connection {
  /**
   * Begins TLS, and returns the connection to use from then on.
   *
   * @param rest What has been read and belongs to TLS.
   */
  startTls(rest: Uint8Array): Connection;
}

/** A Unix socket. */
export interface UnixBindOptions {
  readonly transport: "unix";
  /** The path of the socket, where no file may exist. */
  readonly path: string;
}

/** A socket that listens already, and has been inherited. */
export interface FdBindOptions {
  readonly transport: "fd";
  /** The number of its descriptor. */
  readonly fd: number;
  /** The path if it is a Unix socket; empty if that is not known. */
  readonly path: string;
}

/** A standard stream of the process. */
export interface Output {
  /** Whether it is a terminal. */
  isTerminal(): boolean;
  /**
   * Writes bytes from the beginning of `p` and resolves with their number.
   * While the stream is full, it is pending or rejects with the code `EAGAIN`.
   * It rejects with another code once the reader has gone.
   */
  write(p: Uint8Array): Promise<number>;
}
