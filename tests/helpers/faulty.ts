import { createServer, type Server as NetServer, type Socket } from "node:net";
import { createServer as createTlsServer, Server as TlsServer } from "node:tls";

/** What a faulty server makes of a byte at a position: bytes, or the end of the connection. */
export type Server = (byte: number, position: number) => number[] | null;

/** Makes faults, all of them at the position 1,000. Each is for one connection. */
export const FAULTS: Record<string, () => Server> = {
  none: () => (byte) => [byte],
  altered: () => (byte, at) => [at === 1_000 ? byte ^ 1 : byte],
  dropped: () => (byte, at) => at >= 1_000 && at < 1_010 ? [] : [byte],
  reordered() {
    const held: number[] = [];
    return (byte, at) => {
      if (at < 1_000 || at >= 1_020) return [byte];
      if (at < 1_010) held.push(byte);
      return at < 1_010 ? [] : at === 1_019 ? [byte, ...held] : [byte];
    };
  },
  repeated() {
    const kept: number[] = [];
    return (byte, at) => {
      if (at >= 1_000 && at < 1_020) kept.push(byte);
      return at === 1_019 ? [byte, ...kept] : [byte];
    };
  },
  prefixed: () => (byte, at) => at === 0 ? [...HELLO, byte] : [byte],
  inserted: () => (byte, at) => at === 1_000 ? [...HELLO, byte] : [byte],
  truncated: () => (byte, at) => at < 1_000 ? [byte] : null,
};

const HELLO = new TextEncoder().encode("220 ready\r\n");

/** How many bytes each is, and where. */
export const EXPECTED: Record<string, { count: number; offset: number }> = {
  altered: { count: 1, offset: 1_000 },
  dropped: { count: 10, offset: 1_000 },
  reordered: { count: 10, offset: 1_000 },
  repeated: { count: 20, offset: 1_000 },
  prefixed: { count: 11, offset: 0 },
  inserted: { count: 11, offset: 1_000 },
};

/**
 * A real server, on a port, on a path or for TLS, that does it; if it is not told
 * what, it echoes as it should.
 */
export class FaultyServer implements AsyncDisposable {
  /** Resolves when the first bytes have come in. */
  readonly reached: Promise<void>;
  readonly #server: NetServer;
  readonly #sockets = new Set<Socket>();

  private constructor(server: NetServer, makeServer?: () => Server) {
    const { promise, resolve } = Promise.withResolvers<void>();
    this.reached = promise;
    this.#server = server;
    const event = server instanceof TlsServer
      ? "secureConnection"
      : "connection";
    server.on(event, (socket: Socket) => {
      const serve = makeServer?.();
      let position = 0;
      this.#sockets.add(socket);
      socket.on("error", () => {});
      socket.on("close", () => this.#sockets.delete(socket));
      socket.on("data", () => resolve());
      if (!serve) {
        socket.pipe(socket);
        return;
      }
      socket.on("data", (chunk: Uint8Array) => {
        const echo = Array.from(chunk, (byte) => serve(byte, position++));
        socket.write(Uint8Array.from(echo.flatMap((bytes) => bytes ?? [])));
        if (echo.includes(null)) socket.end();
      });
    });
  }

  /** Starts one, by default on a free port; rejects if it cannot listen. */
  static start(
    makeServer?: () => Server,
    { path, hostname = "127.0.0.1", port = 0, tls }: {
      path?: string;
      hostname?: string;
      port?: number;
      tls?: { cert: string; key: string };
    } = {},
  ): Promise<FaultyServer> {
    const server = tls ? createTlsServer(tls) : createServer();
    return new Promise((resolve, reject) => {
      server.once("error", reject);
      const listening = () => resolve(new FaultyServer(server, makeServer));
      if (path) server.listen({ path }, listening);
      else server.listen({ host: hostname, port }, listening);
    });
  }

  get port(): number {
    const address = this.#server.address();
    if (address === null || typeof address === "string") return NaN;
    return address.port;
  }

  /** Breaks all connections off. */
  reset(): void {
    for (const socket of this.#sockets) socket.resetAndDestroy();
  }

  async [Symbol.asyncDispose]() {
    for (const socket of this.#sockets) socket.destroy();
    await new Promise((resolve) => this.#server.close(resolve));
  }
}
