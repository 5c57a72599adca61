import { acceptPending } from "../../core/accept_queue.ts";
import { formatAddr } from "../../core/format_addr.ts";
import { SecureConnection } from "../../core/handshake.ts";
import type { Runtime } from "../runtime.ts";
import { readHandshakeError, readTlsError } from "../tls.ts";
import type { Addr, Connection, Listener } from "../../core/transport.ts";

/** Deno as a {@linkcode Runtime}. A bundle loads this on every runtime, so `Deno` is used only on demand. */
export const runtime: Runtime = {
  get name() {
    return `deno ${Deno.version.deno}`;
  },
  get args() {
    return Deno.args;
  },
  get noColor() {
    return Deno.noColor;
  },
  get stdout() {
    return Deno.stdout;
  },
  get stderr() {
    return Deno.stderr;
  },

  reloads: isByNode,
  get sharesPorts() {
    return "listenDatagram" in Deno;
  },

  async listen(options) {
    const tcpBacklog = options.backlog;
    if (options.transport === "unix") {
      const listener = Deno.listen(options);
      const { transport, path } = options;
      return new DenoListener(listener, { transport, path }, nameUnnamed);
    }
    // Deno itself takes over no descriptor.
    if (options.transport === "fd" || isByNode(options)) {
      if (options.transport !== "fd") requirePermission(options);
      const { listenByNode } = await import("../node/listen.ts");
      const { secure } = await import("./tls.ts");
      return await listenByNode(options, secure);
    }
    // Deno would end the process.
    if (options.reusePort && !runtime.sharesPorts) {
      throw new Error("a shared port needs --unstable-net on Deno");
    }
    if (options.transport === "tcp") {
      const listener = Deno.listen({ ...options, tcpBacklog });
      return new DenoListener(listener, listener.addr, prepare);
    }
    const { handshakeTimeout, transport, ...rest } = options;
    const listener = Deno.listenTls({ ...rest, tcpBacklog });
    return new DenoListener(
      listener,
      { ...listener.addr, transport },
      (connection) =>
        new SecureConnection(
          endedByPeer(connection),
          connection.handshake().catch((error) => {
            throw readHandshakeError(error);
          }),
          handshakeTimeout,
        ),
    );
  },

  async loadConnector(options) {
    return (await import("./connect.ts")).createConnector(options);
  },

  onSignal(handler) {
    const signals: Deno.Signal[] = Deno.build.os === "windows"
      ? ["SIGINT", "SIGBREAK"]
      : ["SIGINT", "SIGTERM"];
    for (const signal of signals) Deno.addSignalListener(signal, handler);
    return () => {
      for (const signal of signals) Deno.removeSignalListener(signal, handler);
    };
  },

  onHangup(handler) {
    if (Deno.build.os === "windows") return () => {};
    Deno.addSignalListener("SIGHUP", handler);
    return () => Deno.removeSignalListener("SIGHUP", handler);
  },

  exit(code) {
    Deno.exit(code);
  },
};

/** Reports whether a socket must be of `node:net`: a `Deno.Conn` has no reset, and Deno begins TLS by itself. */
function isByNode(
  { resets, plainFirst }: { resets: boolean; plainFirst?: boolean },
): boolean {
  return resets || plainFirst === true;
}

/** Throws if it is not permitted to listen: within `node:net`, Deno would end the process. */
function requirePermission(place: { hostname: string; port: number }): void {
  const host = formatAddr({ ...place, transport: "tcp" });
  // As `Deno.listen` does, this asks the user, where there is one.
  const { state } = Deno.permissions.requestSync({ name: "net", host });
  if (state === "granted") return;
  throw new Error(
    `Requires net access to "${host}", run again with the --allow-net flag`,
  );
}

class DenoListener<Conn extends Deno.Conn> implements Listener {
  readonly addr: Addr;
  readonly #listener: Deno.Listener<Conn>;
  readonly #prepare: (connection: Conn) => Connection;
  #closed = false;
  #pending = false;

  constructor(
    listener: Deno.Listener<Conn>,
    addr: Addr,
    prepare: (connection: Conn) => Connection,
  ) {
    // Deno's addresses have no prototype, and so cannot be printed.
    this.addr = { ...addr };
    this.#listener = listener;
    this.#prepare = prepare;
  }

  async accept(): Promise<Connection | null> {
    if (this.#pending) throw acceptPending();
    this.#pending = true;
    try {
      for (;;) {
        try {
          return this.#prepare(await this.#listener.accept());
        } catch (error) {
          if (this.#closed) return null;
          if (!isGone(error)) throw error;
        }
      }
    } finally {
      this.#pending = false;
    }
  }

  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#listener.close();
  }

  ref(): void {
    this.#listener.ref();
  }

  unref(): void {
    this.#listener.unref();
  }
}

/** Reports whether `accept` failed only because the client had gone. */
function isGone(error: unknown): boolean {
  return error instanceof Deno.errors.NotConnected ||
    error instanceof Deno.errors.ConnectionAborted ||
    error instanceof Deno.errors.ConnectionReset;
}

function prepare(connection: Deno.TcpConn): Deno.TcpConn {
  try {
    connection.setNoDelay();
    connection.setKeepAlive();
  } catch {
    // The client has gone; the next read reports it.
  }
  return connection;
}

/** Gives an unnamed peer the path "", where Deno has null. */
function nameUnnamed(connection: Deno.UnixConn): Connection {
  connection.remoteAddr.path ??= "";
  if (isStream(connection)) return connection;
  throw new TypeError("Cannot accept: the connection is not a stream");
}

function isStream(
  connection: Deno.UnixConn,
): connection is Deno.UnixConn & Connection {
  return connection.remoteAddr.transport === "unix";
}

/**
 * Treats an end without `close_notify` as an end of file: many TLS clients close
 * like that, and an echo loses nothing by it.
 */
function endedByPeer(connection: Deno.TlsConn): Connection {
  return {
    remoteAddr: connection.remoteAddr,
    read: (p) =>
      connection.read(p).catch((error) => {
        if (error instanceof Deno.errors.UnexpectedEof) return null;
        return fail(error);
      }),
    write: (p) => connection.write(p).catch(fail),
    close: () => connection.close(),
    closeWrite: () => connection.closeWrite(),
  };
}

/** Throws an error of TLS in our own words. */
function fail(error: unknown): never {
  throw readTlsError(error);
}
