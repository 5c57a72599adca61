import { AcceptQueue } from "../../core/accept_queue.ts";
import { SecureConnection } from "../../core/handshake.ts";
import { fill, restOf } from "../../core/rest.ts";
import type { BindOptions } from "../runtime.ts";
import { CIPHERS, readHandshakeError, readTlsError } from "../tls.ts";
import type { Addr, Connection, Listener } from "../../core/transport.ts";

/** The part of Bun that is used here. */
declare const Bun: {
  listen(
    options: (Address | { unix: string }) & {
      allowHalfOpen: boolean;
      tls?: { cert: string; key: string; ciphers: string };
      socket: {
        open(socket: Socket): void;
        handshake(socket: Socket, success: boolean, error?: Error | null): void;
        data(socket: Socket, chunk: Uint8Array): void;
        drain(socket: Socket): void;
        end(socket: Socket): void;
        close(socket: Socket, error?: Error): void;
        error(socket: Socket, error: Error): void;
      };
    },
  ): Address & { stop(): void; ref(): void; unref(): void };
};

interface Address {
  readonly hostname: string;
  readonly port: number;
}

interface Socket {
  data: BunConnection;
  /** The peer's address, if it is on the network. */
  readonly remoteAddress: string | undefined;
  readonly remotePort: number | undefined;
  readonly localPort: number | undefined;
  /** Returns the number of bytes that the system accepted, or -1 once it has failed. */
  write(bytes: Uint8Array): number;
  pause(): void;
  resume(): void;
  end(): void;
  shutdown(): void;
  terminate(): void;
  setNoDelay(on: boolean): boolean;
  setKeepAlive(on: boolean): boolean;
}

/** The sockets that Bun itself binds. */
type OwnOptions = Exclude<BindOptions, { readonly transport: "fd" }>;

/** Binds a socket on Bun. */
export async function listen(options: BindOptions): Promise<Listener> {
  // Bun itself takes over no descriptor, and its own sockets have no way to begin
  // TLS as a server.
  if (
    options.transport === "fd" ||
    options.transport === "tls" && options.plainFirst
  ) return await (await import("../node/listen.ts")).listen(options);
  return new BunListener(options);
}

/** Queues the connections that Bun pushes until they are accepted. */
class BunListener implements Listener {
  readonly addr: Addr;
  readonly #options: OwnOptions;
  readonly #listener;
  readonly #queue = new AcceptQueue<BunConnection>();
  #closed = false;

  constructor(options: OwnOptions) {
    const { transport } = options;
    const place = transport === "unix" ? { unix: options.path } : {
      hostname: options.hostname,
      port: options.port,
      reusePort: options.reusePort,
    };
    this.#options = options;
    this.#listener = Bun.listen({
      ...place,
      ...(transport === "tls" &&
        { tls: { cert: options.cert, key: options.key, ciphers: CIPHERS } }),
      allowHalfOpen: true,
      socket: {
        open: (socket) => {
          socket.pause();
          socket.setNoDelay(true);
          socket.setKeepAlive(true);
          socket.data = transport === "unix"
            ? new BunConnection(socket, transport)
            : new BunTcpConnection(socket, transport);
          this.#queue.push(socket.data);
        },
        handshake: ({ data }, success, error) =>
          data.onHandshake(success, error),
        data: ({ data }, chunk) => data.onData(chunk),
        drain: ({ data }) => data.onDrain(),
        end: ({ data }) => data.onEnd(),
        close: ({ data }, error) => data.onClose(error),
        error: ({ data }, error) => data.onClose(error),
      },
    });
    const { hostname, port } = this.#listener;
    this.addr = transport === "unix"
      ? { transport, path: options.path }
      : { transport, hostname, port };
  }

  async accept(): Promise<Connection | null> {
    const options = this.#options;
    for (;;) {
      const next = await this.#queue.next();
      if (next === null) return null;
      if (next.isGone()) {
        next.close();
        continue;
      }
      if (options.transport === "tls") {
        return new SecureConnection(
          next,
          next.handshake(),
          options.handshakeTimeout,
        );
      }
      return next;
    }
  }

  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#listener.stop();
    for (const connection of this.#queue.close()) connection.close();
  }

  ref(): void {
    this.#listener.ref();
  }

  unref(): void {
    this.#listener.unref();
  }
}

class BunConnection implements Connection {
  readonly remoteAddr: Addr;
  readonly #socket: Socket;
  #onBytes: ((count: number) => void) | undefined;
  /** Received bytes that have not been read or sent back yet. */
  #rest: Uint8Array | undefined;
  #secure = false;
  #ended = false;
  /** Whether received data is dropped, because the end has been sent. */
  #dropping = false;
  #closed = false;
  #error: unknown;
  #wake = () => {};

  constructor(socket: Socket, transport: BindOptions["transport"]) {
    this.#socket = socket;
    const { remoteAddress: hostname = "", remotePort: port = 0 } = socket;
    this.remoteAddr = transport === "unix"
      ? { transport, path: "" }
      : { transport: "tcp", hostname, port };
  }

  /** Whether the client has gone before anything was read: it then has no port. */
  isGone(): boolean {
    return "port" in this.remoteAddr && !this.#socket.remotePort;
  }

  onHandshake(success: boolean, error?: Error | null): void {
    if (success) this.#secure = true;
    else this.onClose(error ?? undefined);
    this.#wake();
  }

  onData(chunk: Uint8Array): void {
    if (this.#rest) {
      if (this.#dropping) return;
      // TLS may have decrypted more than was asked for.
      this.#rest = concat(this.#rest, chunk);
      return;
    }
    if (this.#onBytes) {
      this.#onBytes(0);
      const sent = this.#send(chunk);
      if (sent > 0) this.#onBytes(sent);
      if (sent === chunk.length || this.#dropping) return;
      this.#rest = chunk.slice(sent);
    } else {
      this.#rest = chunk.slice();
    }
    this.#socket.pause();
    this.#wake();
  }

  onDrain(): void {
    if (this.#onBytes && this.#rest) {
      const sent = this.#send(this.#rest);
      this.#onBytes(sent);
      if (this.#dropping) return;
      this.#rest = restOf(this.#rest, sent);
      if (this.#rest) return;
      this.#socket.resume();
    }
    this.#wake();
  }

  onEnd(): void {
    this.#ended = true;
    this.#wake();
  }

  onClose(error?: Error): void {
    if (error && !this.#closed) this.#error ??= readTlsError(error);
    this.#closed = true;
    this.#wake();
  }

  /** Why it is closed. Only made for those who ask, as its stack takes long. */
  get #reason(): unknown {
    return this.#error ??= new Error("Connection closed");
  }

  /** Begins the TLS handshake, and resolves when it is done. */
  async handshake(): Promise<void> {
    this.#socket.resume();
    while (!this.#secure) {
      if (this.#closed) throw readHandshakeError(this.#reason);
      await this.#change();
    }
  }

  async read(p: Uint8Array): Promise<number | null> {
    for (;;) {
      if (this.#rest) {
        const count = fill(p, this.#rest);
        this.#rest = restOf(this.#rest, count);
        return count;
      }
      if (this.#ended) return null;
      if (this.#closed) throw this.#reason;
      this.#socket.resume();
      await this.#change();
    }
  }

  async write(p: Uint8Array): Promise<number> {
    for (;;) {
      if (this.#closed) throw this.#reason;
      const sent = this.#send(p);
      if (sent > 0) return sent;
      if (!this.#closed) await this.#change();
    }
  }

  async pipe(onBytes: (count: number) => void): Promise<void> {
    this.#onBytes = onBytes;
    if (this.#rest) this.onDrain();
    else this.#socket.resume();
    while (!this.#ended || this.#rest && !this.#dropping) {
      if (this.#closed) throw this.#reason;
      await this.#change();
    }
  }

  // deno-lint-ignore require-await -- so that what Bun throws rejects
  async closeWrite(): Promise<void> {
    if (this.#onBytes) {
      this.#onBytes = undefined;
      this.#dropping = true;
      this.#rest = new Uint8Array();
      this.#socket.resume();
    }
    this.#socket.shutdown();
  }

  close(): void {
    if (this.#secure && (!this.#ended || this.#rest)) {
      // Over TLS, end() would wait for a peer that takes nothing.
      this.#socket.shutdown();
      this.#socket.terminate();
    } else {
      this.#socket.end();
    }
    this.onClose();
  }

  /** Sends as much as the system accepts. */
  #send(bytes: Uint8Array): number {
    const sent = this.#socket.write(bytes);
    if (sent >= 0) return sent;
    // The peer has gone; for a paused socket, Bun reports it only here.
    const error = new Error("Connection reset by peer");
    this.onClose(Object.assign(error, { code: "ECONNRESET" }));
    return 0;
  }

  #change(): Promise<void> {
    return new Promise((resolve) => this.#wake = resolve);
  }
}

/** A connection over TCP, which can be reset. */
class BunTcpConnection extends BunConnection {
  readonly #socket: Socket;

  constructor(socket: Socket, transport: BindOptions["transport"]) {
    super(socket, transport);
    this.#socket = socket;
  }

  async delivered(): Promise<void> {
    const { delivered } = await import("../tcp_delivery.ts");
    await delivered(this.#socket.localPort, this.#socket.remotePort);
  }

  reset(): void {
    this.#socket.terminate();
    this.onClose();
  }
}

function concat(first: Uint8Array, second: Uint8Array): Uint8Array {
  const both = new Uint8Array(first.length + second.length);
  both.set(first);
  both.set(second, first.length);
  return both;
}
