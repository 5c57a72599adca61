import { accessSync, constants as modes } from "node:fs";
import {
  createServer,
  type ListenOptions,
  type Server,
  type Socket,
} from "node:net";
import { dirname } from "node:path";
import process from "node:process";
import type { SecureContext, TLSSocket } from "node:tls";
import { AcceptQueue } from "../../core/accept_queue.ts";
import { codeOf, isError } from "../../core/error_message.ts";
import { SecureConnection } from "../../core/handshake.ts";
import {
  CIPHERS,
  leftInHandshake,
  readHandshakeError,
  readTlsError,
} from "../tls.ts";
import type {
  BindOptions,
  FdBindOptions,
  PlainConnection,
  TcpBindOptions,
  TlsBindOptions,
  UnixBindOptions,
} from "../runtime.ts";
import type {
  Addr,
  Connection,
  Listener,
  NetAddr,
  Pem,
} from "../../core/transport.ts";

/**
 * How much is read at a time, in bytes. For a peer that does not read its echo,
 * twice that is held: the bytes being written, and those that Node has read ahead.
 */
const CHUNK = 64 * 1024;

/**
 * The number of sockets that listen on a port, where sockets can share it. Node
 * accepts one connection per turn from each, and with a thousand busy clients a turn
 * takes ten milliseconds.
 */
const SOCKETS = 16;

/**
 * The first version with all features in use. For the sources, `import.meta.main`
 * is the latest of them; a bundle is made for older versions.
 */
const OLDEST = import.meta.url.endsWith(".ts")
  ? { major: 24, minor: 2 }
  : { major: 20, minor: 19 };
/** The first version whose sockets can share a port. */
const SHARING = { major: 22, minor: 12 };

/** Binds a socket on Node. */
export async function listen(options: BindOptions): Promise<Listener> {
  checkVersion(OLDEST, "is too old");
  if ("reusePort" in options && options.reusePort) {
    checkVersion(SHARING, "cannot share a port");
  }
  return await listenByNode(options, secure);
}

/** Binds a socket by `node:net`, whose TLS connections `secure` makes. */
export async function listenByNode(
  options: BindOptions,
  secure: Secure,
): Promise<Listener> {
  if (options.transport === "fd") return await listenOnDescriptor(options);
  const maker = await makerFor(options, secure);
  return options.transport === "unix"
    ? await listenOnPath(options, maker)
    : await listenOnPort(options, maker);
}

/** Begins TLS as a server, on an accepted socket. */
export type Secure = (
  raw: Socket,
  addr: Addr,
  secureContext: SecureContext,
  tls: typeof import("node:tls"),
) => {
  /** The connection to use after the handshake. */
  readonly connection: Connection;
  /** What emits the events of the handshake. */
  readonly socket: TLSSocket;
};

async function listenOnPath(
  { transport, path, backlog }: UnixBindOptions & BindOptions,
  maker: Maker,
): Promise<Listener> {
  try {
    return await bind(
      { path, backlog },
      (server) => new NodeListener(server, { transport, path }, maker),
    );
  } catch (error) {
    // Node says EACCES also where the system has said ENOENT.
    if (codeOf(error) !== "EACCES") throw error;
    accessSync(dirname(path), modes.W_OK | modes.X_OK);
    throw Object.assign(new Error("no such file or directory"), {
      code: "ENOENT",
    });
  }
}

/** Takes over a socket, and finds out what it is. */
async function listenOnDescriptor(
  { fd, path, backlog }: FdBindOptions & BindOptions,
): Promise<Listener> {
  return await bind({ fd, backlog }, (server) => {
    const address = server.address();
    return address !== null && typeof address === "object" && address.port
      ? new InheritedListener(server, netAddrOf(server, "tcp"), TCP)
      : new InheritedListener(server, { transport: "unix", path }, UNIX);
  });
}

async function listenOnPort(
  options: (TcpBindOptions | TlsBindOptions) & BindOptions,
  maker: Maker,
): Promise<Listener> {
  const { transport, hostname, port, backlog } = options;
  const canShare = process.platform === "linux" && isSince(SHARING);
  if (canShare && !options.reusePort && port !== 0) {
    // A socket that shares its port does not notice other sockets that share it.
    const place = { host: hostname, port, backlog };
    await bind(place, (server) => server.close());
  }
  const shared = { host: hostname, port, reusePort: canShare, backlog };
  const { addr, listener } = await bind(shared, (server) => {
    const addr = netAddrOf(server, transport);
    return { addr, listener: new NodeListener(server, addr, maker) };
  });
  if (!canShare) return listener;
  try {
    const place = { ...shared, port: addr.port };
    for (let count = 1; count < SOCKETS; count++) {
      await bind(place, (server) => listener.add(server));
    }
  } catch (error) {
    listener.close();
    throw error;
  }
  return listener;
}

/** Binds a socket, and runs `onListening` before a client can connect. */
function bind<T>(
  place: ListenOptions | { readonly fd: number; readonly backlog: number },
  onListening: (server: Server) => T,
): Promise<T> {
  const server = createServer({
    allowHalfOpen: true,
    noDelay: true,
    keepAlive: true,
    pauseOnConnect: true,
    highWaterMark: CHUNK,
  });
  return new Promise((resolve, reject) => {
    server.once("error", reject);
    // Of a descriptor, the options say no backlog.
    server.listen(place, place.backlog, () => {
      server.off("error", reject);
      resolve(onListening(server));
    });
  });
}

/** Knows what connections are made of sockets. */
interface Maker {
  /** Makes a connection of a socket. Returns undefined if the client has gone. */
  prepare(socket: Socket): Connection | undefined;
  /** Replaces certificate and key. */
  reload?(pem: Pem): void;
}

/** Makes connections of a Unix socket, and over TCP. */
const UNIX: Maker = {
  prepare: (socket) =>
    new NodeConnection(socket, { transport: "unix", path: "" }),
};
const TCP: Maker = {
  prepare(socket) {
    const addr = peerOf(socket);
    return addr && new NodeTcpConnection(socket, addr);
  },
};

async function makerFor(
  options: BindOptions & (TcpBindOptions | TlsBindOptions | UnixBindOptions),
  secure: Secure,
): Promise<Maker> {
  if (options.transport === "unix") return UNIX;
  if (options.transport === "tcp") return TCP;
  // Loaded only here, because Node then reads the certificates of the system.
  const tls = await import("node:tls");
  const { constants } = await import("node:crypto");
  const makeContext = ({ cert, key }: Pem) =>
    tls.createSecureContext({
      cert,
      key,
      ciphers: CIPHERS,
      minVersion: "TLSv1.2",
      secureOptions: constants.SSL_OP_NO_RENEGOTIATION |
        constants.SSL_OP_NO_COMPRESSION,
    });
  let secureContext = makeContext(options);
  const begin = (raw: Socket, addr: Addr) => {
    const { socket, connection } = secure(raw, addr, secureContext, tls);
    // A socket made by hand reports an error after its handshake only here.
    socket.on("_tlsError", (error: unknown) => {
      const read = readTlsError(error);
      socket.destroy(isError(read) ? read : undefined);
    });
    return new SecureConnection(
      connection,
      handshakeOf(socket),
      options.handshakeTimeout,
    );
  };
  return {
    prepare(raw) {
      const addr = peerOf(raw);
      if (!addr) return undefined;
      return options.plainFirst
        ? new NodePlainConnection(raw, addr, () => begin(raw, addr))
        : begin(raw, addr);
    },
    reload(pem) {
      secureContext = makeContext(pem);
    },
  };
}

const secure: Secure = (raw, addr, secureContext, { TLSSocket }) => {
  const socket = new TLSSocket(raw, { isServer: true, secureContext });
  return { socket, connection: new NodeTcpConnection(socket, addr, raw) };
};

/** Returns the address of a peer, or undefined if it has gone. */
function peerOf(socket: Socket): Addr | undefined {
  const { remoteAddress, remotePort = 0 } = socket;
  return remoteAddress
    ? { transport: "tcp", hostname: remoteAddress, port: remotePort }
    : undefined;
}

/** Settles with the TLS handshake of a socket. */
function handshakeOf(socket: TLSSocket): Promise<void> {
  return new Promise((resolve, reject) => {
    socket.once("secure", resolve);
    socket.once("error", (error) => reject(readHandshakeError(error)));
    // Node reports no error if the peer leaves.
    socket.once("end", () => reject(leftInHandshake()));
    socket.once("close", () => reject(leftInHandshake()));
  });
}

/** Queues the connections that Node pushes until they are accepted. */
class NodeListener implements Listener {
  readonly addr: Addr;
  readonly #servers: Server[] = [];
  readonly reload?: (pem: Pem) => void;
  readonly #maker: Maker;
  protected readonly queue = new AcceptQueue<Socket>();
  #stopped = false;

  constructor(server: Server, addr: Addr, maker: Maker) {
    this.addr = addr;
    this.#maker = maker;
    if (maker.reload) this.reload = maker.reload;
    this.add(server);
  }

  /** Adds another socket to accept from. */
  add(server: Server): void {
    this.#servers.push(server);
    server.on("connection", (socket) => this.queue.push(socket));
    server.on("error", (error) => this.queue.fail(error));
  }

  async accept(): Promise<Connection | null> {
    for (;;) {
      const socket = await this.queue.next();
      if (socket === null) return null;
      const connection = this.#maker.prepare(socket);
      if (connection) return connection;
      socket.destroy();
    }
  }

  close(): void {
    this.stopServers();
    for (const socket of this.queue.close()) socket.destroy();
  }

  protected stopServers(): void {
    if (this.#stopped) return;
    this.#stopped = true;
    for (const server of this.#servers) server.close();
  }

  ref(): void {
    for (const server of this.#servers) server.ref();
  }

  unref(): void {
    for (const server of this.#servers) server.unref();
  }
}

/** An inherited socket. */
class InheritedListener extends NodeListener {
  /** Closes the descriptor: a server of Node has no other way not to accept. */
  stop(): void {
    this.stopServers();
    this.queue.end();
  }
}

class NodeConnection implements Connection {
  readonly remoteAddr: Addr;
  readonly #socket: Socket;
  #error: Error | undefined;
  #closed = false;
  /** Makes a pipe drop what it receives. */
  #stopPipe = () => {};

  constructor(socket: Socket, remoteAddr: Addr) {
    this.remoteAddr = remoteAddr;
    this.#socket = socket;
    socket.on("error", (error) => this.#error = error);
    socket.once("close", () => this.#closed = true);
  }

  /** Why it is closed. Only made for those who ask, as its stack takes long. */
  get #reason(): Error {
    return this.#error ??= new Error("Connection closed");
  }

  async read(p: Uint8Array): Promise<number | null> {
    const socket = this.#socket;
    for (;;) {
      const count = Math.min(socket.readableLength, p.length);
      if (count > 0) {
        p.set(socket.read(count));
        return count;
      }
      if (this.#closed || this.#error) throw this.#reason;
      if (socket.readableEnded) return null;
      await new Promise<void>((resolve) => {
        const events = ["readable", "end", "close"] as const;
        const done = () => {
          for (const event of events) socket.off(event, done);
          resolve();
        };
        for (const event of events) socket.on(event, done);
        socket.read(0);
      });
    }
  }

  write(p: Uint8Array): Promise<number> {
    const socket = this.#socket;
    return new Promise((resolve, reject) => {
      // Bun sometimes does not call back for TLS that is closed meanwhile.
      const closed = () => reject(this.#reason);
      socket.once("close", closed);
      socket.write(p, (error) => {
        socket.off("close", closed);
        if (error) reject(error);
        // Node 20 then gives no error.
        else if (socket.destroyed) reject(this.#reason);
        else resolve(p.length);
      });
    });
  }

  pipe(onBytes: (count: number) => void): Promise<void> {
    const socket = this.#socket;
    let pending = 0;
    const written = (error?: Error | null) => {
      if (error || socket.writableLength > 0 || socket.destroyed) return;
      onBytes(pending);
      pending = 0;
      if (socket.isPaused()) socket.resume();
    };
    const echo = (chunk: Uint8Array) => {
      onBytes(0);
      pending += chunk.length;
      socket.write(chunk, written);
      if (socket.writableLength > 0) socket.pause();
    };
    this.#stopPipe = () => {
      socket.off("data", echo);
      socket.resume();
    };
    return new Promise((resolve, reject) => {
      const closed = () => reject(this.#reason);
      socket.on("data", echo);
      socket.once("end", () => {
        socket.end(() => {
          socket.off("close", closed);
          resolve();
        });
      });
      socket.once("close", closed);
      socket.resume();
    });
  }

  closeWrite(): Promise<void> {
    this.#stopPipe();
    return new Promise((resolve, reject) => {
      this.#socket.once("close", () => reject(this.#reason));
      this.#socket.end(resolve);
    });
  }

  close(): void {
    // Sends a TLS client the close_notify, if it still reads.
    if ("encrypted" in this.#socket) this.#socket.end();
    this.#socket.destroy();
  }
}

/** A connection over TCP, which can be reset. */
class NodeTcpConnection extends NodeConnection {
  readonly #socket: Socket;
  readonly #raw: Socket;

  /** @param raw The socket under `socket`, if that is TLS. */
  constructor(socket: Socket, remoteAddr: Addr, raw = socket) {
    super(socket, remoteAddr);
    this.#socket = socket;
    this.#raw = raw;
  }

  async delivered(): Promise<void> {
    const { delivered } = await import("../tcp_delivery.ts");
    await delivered(this.#raw.localPort, this.#raw.remotePort);
  }

  reset(): void {
    const { writableEnded, writableFinished, writableLength } = this.#socket;
    const reset = () => {
      this.#raw.resetAndDestroy();
      super.close();
    };
    // While the system is being told of the end, Node cannot reset a socket, and would
    // never close it.
    const isEnding = writableEnded && !writableFinished && writableLength === 0;
    if (isEnding) this.#socket.once("finish", reset);
    else reset();
  }
}

/** A connection that has yet to begin TLS. */
class NodePlainConnection extends NodeTcpConnection implements PlainConnection {
  readonly #raw: Socket;
  readonly #secure: () => Connection;

  constructor(raw: Socket, remoteAddr: Addr, secure: () => Connection) {
    super(raw, remoteAddr);
    this.#raw = raw;
    this.#secure = secure;
  }

  startTls(rest: Uint8Array): Connection {
    if (rest.length > 0) this.#raw.unshift(rest);
    return this.#secure();
  }
}

/** A version of Node. */
interface Version {
  readonly major: number;
  readonly minor: number;
}

function checkVersion(needed: Version, problem: string): void {
  if (isSince(needed)) return;
  throw new Error(
    `Node ${process.versions.node} ${problem}: ${needed.major}.${needed.minor} or later is needed`,
  );
}

function isSince({ major, minor }: Version): boolean {
  const [ownMajor = 0, ownMinor = 0] = process.versions.node.split(".")
    .map(Number);
  return ownMajor > major || ownMajor === major && ownMinor >= minor;
}

function netAddrOf(server: Server, transport: "tcp" | "tls"): NetAddr {
  const address = server.address();
  if (address === null || typeof address === "string") {
    throw new TypeError("Cannot tell the port of a socket that has none");
  }
  return { transport, hostname: address.address, port: address.port };
}
