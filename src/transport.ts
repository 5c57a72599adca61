/** The address of one end of a network connection. */
export interface NetAddr {
  /** The protocol; TLS is over TCP. */
  readonly transport: "tcp" | "tls" | "udp";
  /** The IP address, IPv6 without brackets. */
  readonly hostname: string;
  /** The port number. */
  readonly port: number;
}

/** The address of one end of a Unix socket. */
export interface UnixAddr {
  /** The kind of socket. */
  readonly transport: "unix" | "unixpacket";
  /** The path of the socket's file. */
  readonly path: string;
}

/** The address of one end of a connection, in the shape of `Deno.Addr`. */
export type Addr = NetAddr | UnixAddr;

/**
 * A stream of bytes to and from one peer. A `Deno.Conn` is one, as it is.
 *
 * Errors of the operating system carry their POSIX name in `code`, for example
 * `ECONNRESET`.
 */
export interface Connection {
  /** The peer's address. */
  readonly remoteAddr: Addr;
  /**
   * Reads at least one byte into `p` and resolves with their number, or with
   * `null` once the peer has ended its sending side. Rejects when the
   * connection fails, or is closed meanwhile.
   */
  read(p: Uint8Array): Promise<number | null>;
  /**
   * Writes bytes from the beginning of `p` and resolves with their number,
   * which may be smaller than `p.length`. Pending for as long as the peer takes
   * nothing. Rejects when the connection fails, or is closed meanwhile.
   */
  write(p: Uint8Array): Promise<number>;
  /** Closes both directions. A pending `read` or `write` rejects. */
  close(): void;
  /**
   * The runtime's own way to send everything back that comes in, where it has a
   * faster one than `read` and `write`. Resolves once the peer has ended its
   * side and has been sent everything back; `onBytes` is what `echo` says.
   */
  pipe?(onBytes: (count: number) => void): Promise<void>;
}

/** A bound socket that takes connections in. */
export interface Listener {
  /** The address that was bound, with the real port where 0 was asked for. */
  readonly addr: Addr;
  /**
   * The next connection, or `null` once the listener is closed. Rejects only
   * for an error of the operating system that is worth retrying, for example
   * when there is no descriptor left.
   */
  accept(): Promise<Connection | null>;
  /** Stops listening. A pending `accept` resolves with `null`. */
  close(): void;
}

/** Options of `listen`. */
export interface ListenOptions {
  /**
   * The address to listen on, or a name that resolves to it; `"::"` is every
   * address of both families.
   *
   * @default {"127.0.0.1"}
   */
  readonly hostname?: string | undefined;
  /**
   * The port, 0 to 65535; 0 takes any free one.
   *
   * @default {3000}
   */
  readonly port?: number | undefined;
}
