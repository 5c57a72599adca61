import { connect, createServer, Socket } from "node:net";
import { Duplex } from "node:stream";
import { connect as secure } from "node:tls";
import type { StreamPair } from "../../mod.ts";
import { certificate } from "./certificates.ts";

/** The byte at a position of what test clients send. */
export function patternAt(position: number): number {
  return position * 31 % 251;
}

/** `count` bytes of the pattern, from a position on. */
export function pattern(count: number, from = 0): Uint8Array<ArrayBuffer> {
  return Uint8Array.from({ length: count }, (_, i) => patternAt(from + i));
}

/** The reset of a connection in memory. */
const RESET = Object.assign(new Error("Reset"), { code: "ECONNRESET" });

/** How many bytes may wait between two sockets of the same client. */
const MOST_BETWEEN = 256 * 1024;

/** A client on `node:net`, which every runtime has. It reads only when told to. */
export class Client implements AsyncDisposable {
  readonly #socket: Duplex;
  /** The socket that the server sees: below TLS, another one. */
  readonly #raw: Duplex;
  readonly #closed: Promise<void>;
  #rest: Uint8Array = new Uint8Array();
  #error: Error | undefined;

  private constructor(socket: Duplex, raw: Duplex) {
    this.#socket = socket;
    this.#raw = raw;
    this.#closed = new Promise((resolve) =>
      socket.once("close", () => resolve())
    );
    socket.on("error", (error: Error) => this.#error ??= error);
    // The one above it says it, after what came before.
    if (raw !== socket) raw.on("error", () => {});
  }

  /** Connects to a TCP port of this machine. */
  static async connect(port: number, host = "127.0.0.1"): Promise<Client> {
    const socket = await open({ port, host });
    return new Client(socket, socket);
  }

  /** The client's side of a connection in memory. */
  static over({ readable, writable }: StreamPair): Client {
    const reader = readable.getReader();
    const writer = writable.getWriter();
    // A write says it, if there is one.
    writer.closed.catch(() => {});
    const duplex = makeDuplex({
      read: async () => (await reader.read()).value ?? null,
      write: (bytes) => writer.write(bytes),
      closeWrite: () => writer.close(),
      close(reason) {
        writer.abort(reason).catch(() => {});
        reader.cancel(reason).catch(() => {});
      },
    });
    return new Client(duplex, duplex);
  }

  /** Connects to a Unix socket. */
  static async connectUnix(path: string): Promise<Client> {
    const socket = await open({ path });
    return new Client(socket, socket);
  }

  /**
   * Connects to a TCP port of this machine, sends something as it is, if that is
   * wanted, and begins a TLS handshake.
   */
  static async connectTls(port: number, first?: Uint8Array): Promise<Client> {
    const raw = await open({ port, host: "127.0.0.1" });
    if (first) raw.write(first);
    const { cert } = certificate();
    if ("Deno" in globalThis) {
      return new Client(await secureOnDeno(raw, cert), raw);
    }
    const socket = secure({ socket: raw, servername: "localhost", ca: cert });
    return new Client(socket.pause(), raw);
  }

  /** Sends bytes; resolves when the system has taken them. */
  send(bytes: Uint8Array | string): Promise<void> {
    return new Promise((resolve, reject) =>
      this.#socket.write(bytes, (error) => error ? reject(error) : resolve())
    );
  }

  /**
   * Sends until the connection ends. In pieces, as all at once would take the
   * event loop for seconds over TLS, on a slow machine.
   */
  async flood(): Promise<void> {
    const piece = new Uint8Array(64 * 1024);
    try {
      for (;;) await this.send(piece);
    } catch {
      // It has ended.
    }
  }

  /** Sends bytes below TLS, as they are. */
  sendRaw(bytes: Uint8Array | string): void {
    this.#raw.write(bytes);
  }

  /** Ends the sending side. */
  end(): void {
    this.#socket.end();
  }

  /** Breaks the connection off: with a reset, where there is such a thing. */
  reset(): Promise<void> {
    const raw = this.#raw;
    if (!(raw instanceof Socket)) raw.destroy(RESET);
    else if (raw.remotePort) raw.resetAndDestroy();
    this.#socket.destroy();
    return this.#closed;
  }

  /** The next bytes, some at least, or null at the end of file. */
  async receive(): Promise<Uint8Array | null> {
    if (this.#rest.length > 0) {
      const rest = this.#rest;
      this.#rest = new Uint8Array();
      return rest;
    }
    for (;;) {
      const chunk: Uint8Array | null = this.#socket.read();
      if (chunk) return chunk;
      if (this.#error) throw this.#error;
      if (this.#socket.readableEnded) return null;
      await this.#change();
    }
  }

  /** Exactly `count` bytes. */
  async receiveExactly(count: number): Promise<Uint8Array> {
    const bytes = new Uint8Array(count);
    for (let at = 0; at < count;) {
      const chunk = await this.receive();
      if (!chunk) throw new Error(`End of file after ${at} of ${count} bytes`);
      bytes.set(chunk.subarray(0, count - at), at);
      this.#rest = chunk.subarray(count - at);
      at += chunk.length - this.#rest.length;
    }
    return bytes;
  }

  /** How many bytes of the pattern come before the end of file. Throws for any other. */
  async receivePattern(): Promise<number> {
    let position = 0;
    for (let chunk; (chunk = await this.receive());) {
      for (const byte of chunk) {
        if (byte !== patternAt(position)) {
          throw new Error(`Wrong byte ${byte} at ${position}`);
        }
        position++;
      }
    }
    return position;
  }

  /** Sends bytes and receives as many. */
  async echo(bytes: Uint8Array): Promise<Uint8Array> {
    const sent = this.send(bytes);
    const [received] = await Promise.all([
      this.receiveExactly(bytes.length),
      sent,
    ]);
    return received;
  }

  /** Resolves when both sides have ended, or the connection has failed. */
  get closed(): Promise<void> {
    return this.#closed;
  }

  async [Symbol.asyncDispose]() {
    this.#socket.destroy();
    this.#raw.destroy();
    await this.#closed;
  }

  #change(): Promise<void> {
    return new Promise((resolve) => {
      const events = ["readable", "end", "close"] as const;
      const done = () => {
        for (const event of events) this.#socket.off(event, done);
        resolve();
      };
      for (const event of events) this.#socket.on(event, done);
    });
  }
}

function open(
  where: { port: number; host: string } | { path: string },
): Promise<Socket> {
  return new Promise((resolve, reject) => {
    const socket = connect({ ...where, allowHalfOpen: true });
    socket.pause();
    socket.once("error", reject);
    socket.once("connect", () => {
      socket.off("error", reject);
      resolve(socket);
    });
  });
}

/**
 * TLS over a socket. The clients of Deno's `node:tls` read whether they are told
 * to or not; those of its own do not, but cannot reset a connection. So one of
 * its own is connected to the socket, by another one between them.
 */
async function secureOnDeno(raw: Socket, cert: string): Promise<Duplex> {
  const server = createServer({ allowHalfOpen: true }, (near) => {
    server.close();
    near.pipe(raw);
    near.on("error", () => raw.destroy());
    // What came before a reset is passed on, so no pipe, which would drop it.
    raw.on("data", (chunk) => {
      near.write(chunk);
      if (near.writableLength < MOST_BETWEEN) return;
      raw.pause();
      near.once("drain", () => raw.resume());
    });
    for (const event of ["end", "error"]) raw.on(event, () => near.end());
    raw.resume();
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const address = server.address();
  if (!address || typeof address === "string") throw new Error("No port");
  const connection = await Deno.startTls(
    await Deno.connect({ hostname: "127.0.0.1", port: address.port }),
    { hostname: "localhost", caCerts: [cert] },
  );
  // At once, and not only with the first read or write.
  connection.handshake().catch(() => {});
  const buffer = new Uint8Array(64 * 1024);
  return makeDuplex({
    async read() {
      const count = await connection.read(buffer).catch((error) => {
        throw raw.errored ?? error;
      });
      if (count !== null) return buffer.slice(0, count);
      if (raw.errored) throw raw.errored;
      return null;
    },
    async write(bytes) {
      for (let sent = 0; sent < bytes.length;) {
        sent += await connection.write(bytes.subarray(sent));
      }
    },
    closeWrite: () => connection.closeWrite(),
    close: () => connection.close(),
  });
}

/** A duplex of Node over something else, whose two directions fail apart. */
function makeDuplex(inner: {
  read(): Promise<Uint8Array | null>;
  write(bytes: Uint8Array): Promise<void>;
  closeWrite(): Promise<void>;
  close(reason?: Error | null): void;
}): Duplex {
  return new Duplex({
    read() {
      inner.read().then(
        (bytes) => this.push(bytes),
        (error) => this.destroy(error),
      );
    },
    write(bytes: Uint8Array, _, done) {
      inner.write(bytes).then(() => done(), done);
    },
    final(done) {
      inner.closeWrite().then(() => done(), done);
    },
    destroy(error, done) {
      inner.close(error);
      done(error);
    },
  });
}
