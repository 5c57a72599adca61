import type {
  DatagramFaults,
  StreamFaults,
  UnixFaults,
} from "./fault_options.ts";

/** The address of one end of a network connection. */
export interface NetAddr {
  /** The protocol; TLS runs over TCP. */
  readonly transport: "tcp" | "tls" | "udp";
  /** The IP address, IPv6 without brackets. */
  readonly hostname: string;
  /** The port number. */
  readonly port: number;
}

/** The address of one end of a Unix socket. */
export interface UnixAddr {
  /** The kind of socket. */
  readonly transport: "unix";
  /** The path of the socket; empty for an unnamed peer, as most are. */
  readonly path: string;
}

/** The address of one end of a connection, in the shape of `Deno.Addr`. */
export type Addr = NetAddr | UnixAddr;

/** An inherited socket, by its descriptor: its address is yet to be found. */
export interface FdAddr {
  /** The kind of place. */
  readonly transport: "fd";
  /** The number of the descriptor. */
  readonly fd: number;
}

/**
 * A stream of bytes to and from one peer. A `Deno.Conn` is one without a wrapper.
 *
 * A caller has at most one `read` and one `write` pending, and none after
 * `close`. The buffer of a `read` or a `write` is the caller's again as soon as the
 * promise has settled, and is used for the next read: a connection must not keep
 * it. An error of the operating system has its POSIX name in `code`: `ECONNRESET`,
 * `ECONNABORTED` and `EPIPE` mean that the peer has gone, and count as `"reset"`;
 * any other error counts as `"error"`.
 */
export interface Connection {
  /** The peer's address, or that of the client behind it if `via` is there. */
  readonly remoteAddr: Addr;
  /** The peer's address, where that is a balancer which has told of its client. */
  readonly via?: Addr | undefined;
  /** Why the client has to be refused, where the listener has found a reason. */
  readonly refused?: Refusal | undefined;
  /**
   * Reads at least one byte into `p` and resolves with their number, or with
   * `null` once the peer has ended its sending side, and every time after that.
   * Rejects when the connection fails, or is closed meanwhile.
   */
  read(p: Uint8Array): Promise<number | null>;
  /**
   * Writes bytes from the beginning of `p` and resolves with their number,
   * which may be smaller than `p.length`. Pending for as long as the peer takes
   * nothing. Rejects when the connection fails, or is closed meanwhile.
   */
  write(p: Uint8Array): Promise<number>;
  /**
   * Closes both directions at once; what has been written may still arrive. A
   * pending `read` or `write` rejects. It is called once: a `Deno.Conn` throws at
   * the second call.
   */
  close(): void;
  /**
   * Ends the sending side, and resolves when everything written before has been
   * handed to the system, and the end after it; the peer can still be read. A
   * running `pipe` drops what comes in from then on, and ends with the peer's
   * end. Rejects when there is nothing to end in good order. Without it, or when
   * it rejects, `close` has to do.
   */
  closeWrite?(): Promise<void>;
  /**
   * Closes both directions as `close` does, but resets the connection: the peer's
   * next operation fails with `ECONNRESET`, and what it has not received is lost.
   * To be called instead of `close`. Unix sockets have no reset, nor has a
   * `Deno.Conn`.
   */
  reset?(): void;
  /**
   * Resolves when the peer's system has received everything that was written, or
   * after 2 s; where that cannot be told, after 100 ms.
   */
  delivered?(): Promise<void>;
  /**
   * The runtime's own way to send everything back that comes in, where it has a
   * faster one than `read` and `write`; a connection of your own does without.
   * Resolves once the peer has ended its
   * side and has been sent everything back; `onBytes` is what `echo` says.
   */
  pipe?(onBytes: (count: number) => void): Promise<void>;
}

/** Why a listener wants a client to be refused. */
export interface Refusal {
  /** The reason, in one word. */
  readonly reason: "proxy";
  /** What is wrong, in a few words, with none of the client's bytes. */
  readonly error: string;
}

/**
 * A bound socket that accepts connections. `A` is the type of its address.
 *
 * One `accept` may be pending at a time: a second one rejects. Each connection is given away once, and is its
 * new owner's to close.
 */
export interface Listener<A extends Addr = Addr> {
  /** The bound address, with the real port if port 0 was asked for. */
  readonly addr: A;
  /**
   * A snapshot of the datagrams so far. Only for a UDP socket, which echoes by
   * itself and accepts nothing.
   */
  readonly datagrams?: Datagrams | undefined;
  /** The faults that its connections, or its datagrams, have on purpose. */
  readonly faults?: StreamFaults & DatagramFaults | undefined;
  /**
   * Resolves with the next connection, or with `null` once the listener is closed.
   * Rejects only with an error that is worth a retry, for example when no
   * descriptor is left.
   */
  accept(): Promise<Connection | null>;
  /**
   * Gives the connections that are accepted from now on another certificate.
   * Only for TLS; on Deno and Bun only on Linux, and Deno needs `--unstable-net`.
   * Throws or rejects when the two do not fit; the old ones stay.
   */
  reload?(pem: Pem): void | Promise<void>;
  /**
   * Stops listening, as `close` does, but lets `accept` resolve with the connections
   * that the runtime has accepted already, and then with `null`. A shutdown with a
   * grace calls it instead of `close`, where it is there: an inherited socket has it,
   * as its clients have come to stay whoever serves them.
   */
  stop?(): void;
  /**
   * Stops listening. A pending `accept` resolves with `null`, or rejects. Does
   * nothing the second time. Accepted connections stay open.
   */
  close(): void;
  /** Undoes `unref`. */
  ref?(): void;
  /** Lets the process end although the listener is open. */
  unref?(): void;
}

/** A listener that `listen` has bound. `using` closes it. */
export interface BoundListener<A extends Addr = Addr>
  extends Listener<A>, Disposable {}

/** A certificate and its private key. */
export interface Pem {
  /** The certificate, and those that lead to its root, in PEM. */
  readonly cert: string;
  /** The certificate's private key, in PEM. */
  readonly key: string;
}

/** Counts of received datagrams. */
export interface Datagrams {
  /** Datagrams sent back. */
  readonly echoed: number;
  /** Datagrams not sent back: from a forbidden source, too many at once, or by a fault. */
  readonly dropped: number;
  /** Bytes in the datagrams sent back. */
  readonly bytes: number;
}

/** Options of `listen`, by transport. */
export type ListenOptions =
  | TcpListenOptions
  | TlsListenOptions
  | UdpListenOptions
  | UnixListenOptions
  | FdListenOptions;

/** Options of `listen` for TCP, which is the default. */
export interface TcpListenOptions {
  /** The transport. */
  readonly transport?: "tcp" | undefined;
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
  /**
   * Lets other sockets with this option listen on the same port. The system
   * distributes the clients among them (`SO_REUSEPORT`). Linux only.
   *
   * @default {false}
   */
  readonly reusePort?: boolean | undefined;
  /**
   * Lets the server reset connections. Node and Bun always can. Deno's own
   * connections cannot, so with this option Deno listens by `node:net`, which costs
   * about a third of the speed, and over TLS about 0.6 of it.
   *
   * @default {false}
   */
  readonly resets?: boolean | undefined;
  /** How its connections misbehave, for tests of clients. `reset` implies `resets`. */
  readonly faults?: StreamFaults | undefined;
  /**
   * The places of the balancers that all clients come through: addresses and
   * networks, such as `10.0.0.0/8` or `2001:db8::/32`. Each connection then begins
   * with a header of the PROXY protocol, version 1 or 2, and its `remoteAddr` is the
   * client of the header. Others are refused, with the reason `"proxy"`: those from
   * elsewhere, and those without a header, or with a malformed one, or whose header
   * takes longer than 5 s. Over TLS the header comes before the handshake. Off by
   * default.
   */
  readonly proxy?: readonly string[] | undefined;
}

/**
 * Options of `listen` for TLS 1.2 and 1.3. A client that has not finished its
 * handshake after 10 s has failed.
 */
export interface TlsListenOptions extends Omit<TcpListenOptions, "transport"> {
  /** The transport. */
  readonly transport: "tls";
  /**
   * The certificate, and those that lead to its root, in PEM: text, or what is
   * in the file. It may have expired.
   */
  readonly cert: string | Uint8Array;
  /**
   * The certificate's private key, in PEM, without a passphrase: RSA of 2048 to
   * 8192 bits, ECDSA on P-256, P-384 or P-521, or Ed25519.
   */
  readonly key: string | Uint8Array;
}

/** Options of `listen` for UDP. */
export interface UdpListenOptions
  extends Pick<TcpListenOptions, "hostname" | "port"> {
  /** The transport. */
  readonly transport: "udp";
  /**
   * Answers every source, including those that are or look like an echo service:
   * a forged datagram can then start an endless loop.
   *
   * @default {false}
   */
  readonly anySource?: boolean | undefined;
  /** How its datagrams misbehave, for tests of clients. */
  readonly faults?: DatagramFaults | undefined;
}

/** Options of `listen` for a Unix socket. */
export interface UnixListenOptions {
  /** The transport. */
  readonly transport: "unix";
  /**
   * The path of the socket. A socket that nobody listens on is replaced; anything
   * else at that path is an error.
   */
  readonly path: string;
  /**
   * The permissions of the file, which decide who may connect.
   *
   * @default {0o600}
   */
  readonly mode?: number | undefined;
  /** How its connections misbehave, for tests of clients. */
  readonly faults?: UnixFaults | undefined;
  /** The places of its balancers, as for TCP; `unix` is every client that may connect. */
  readonly proxy?: readonly string[] | undefined;
}

/**
 * Options of `listen` for a socket that this process has inherited, for example from
 * systemd: it listens already, for TCP or on a path.
 */
export interface FdListenOptions {
  /**
   * The number of its descriptor. `listen` takes it over: the descriptor is closed
   * with the listener, and the socket goes on listening for those who have it, too.
   */
  readonly fd: number;
  /** None: the socket knows it. */
  readonly transport?: undefined;
  /** How its connections misbehave, for tests of clients. A Unix socket has no `reset`. */
  readonly faults?: StreamFaults | undefined;
  /** The places of its balancers, as for TCP; `unix` is everybody on a Unix socket. */
  readonly proxy?: readonly string[] | undefined;
}
