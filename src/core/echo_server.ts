import type { Sums } from "./counts.ts";
import type { Limits, OpenConnection } from "./serve_options.ts";
import type { Addr, Listener } from "./transport.ts";

/** The numbers of a server, from its start to now. */
export interface Stats extends Sums {
  /** The largest number of connections open at the same time. */
  readonly peak: number;
  /** The number of connections to serve at the same time: `maxConnections`. */
  readonly limit: number;
  /** Whether it is being shut down. */
  readonly stopping: boolean;
  /** When the server was started. */
  readonly startedAt: Date;
}

/** Options of {@linkcode EchoServer.shutdown}. */
export interface ShutdownOptions {
  /**
   * How long to go on accepting first, in milliseconds, 0 to 2,147,483,647, while
   * `stats().stopping` and the `/readyz` of `admin` already say that the server is
   * being shut down: so that a balancer which asks has turned to other servers
   * before this one stops accepting.
   *
   * @default {0}
   */
  readonly delay?: number | undefined;
  /**
   * How long to wait then for open connections before they are closed, in
   * milliseconds: 0 (at once, what is in flight may be lost) to 2,147,483,647, or
   * `Infinity`. Their peers get what is counted, for which they have 2 s more.
   *
   * @default {Infinity}
   */
  readonly grace?: number | undefined;
}

/**
 * A running echo server. `await using` closes it at once. `A` is the type of its
 * address.
 */
export interface EchoServer<A extends Addr = Addr> extends AsyncDisposable {
  /** The address it listens on; that of the first listener, if there are several. */
  readonly addr: A;
  /**
   * The address as a URL, for example `tcp://127.0.0.1:3000`, as `bench` and the
   * command line take it.
   */
  readonly url: string;
  /** The addresses of all its listeners. */
  readonly addrs: readonly A[];
  /** The limits that it was given. */
  readonly limits: Limits;
  /** The faults that each of its listeners has on purpose. */
  readonly faults: readonly Listener["faults"][];
  /** Resolves when the server has stopped and its last connection has ended. Never rejects. */
  readonly finished: Promise<void>;
  /** Returns a snapshot of its numbers. */
  stats(): Stats;
  /**
   * Returns the open connections, in the order in which they were accepted. Each can
   * be closed or reset, to see what a client makes of it.
   *
   * @example
   * ```ts
   * import { listen, serve } from "@echod/echod";
   *
   * await using server = serve(await listen({ port: 0 }));
   * using client = await Deno.connect({ port: server.addr.port });
   * await client.write(new Uint8Array(1));
   * await client.read(new Uint8Array(1));
   * for (const connection of server.connections()) connection.close();
   * console.log(await client.read(new Uint8Array(1))); // null
   * ```
   */
  connections(): OpenConnection[];
  /**
   * Stops accepting, at once or after `delay`, waits until the clients have ended
   * the open connections, and closes the remaining ones after `grace`. It may be
   * called again; the earliest deadlines count. Without `grace` it waits for as long as a
   * client stays, which in a test is often for ever: {@linkcode EchoServer.close}
   * does not.
   *
   * @returns {@linkcode EchoServer.finished}, or a rejection with a TypeError or
   * a RangeError for an invalid option.
   */
  shutdown(options?: ShutdownOptions): Promise<void>;
  /**
   * Closes the server and its connections at once, as `shutdown({ grace: 0 })` does.
   *
   * @returns {@linkcode EchoServer.finished}.
   */
  close(): Promise<void>;
  /** Undoes {@linkcode EchoServer.unref}. */
  ref(): void;
  /**
   * Lets the process end although the server still listens. Open connections keep
   * the process running, and so does a UDP socket on Deno until its next datagram.
   */
  unref(): void;
}
