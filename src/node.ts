import { write } from "node:fs";
import { createServer, type Server, type Socket } from "node:net";
import process from "node:process";
import { promisify } from "node:util";
import type { Output, Runtime } from "./runtime.ts";
import type { Addr, Connection, Listener, NetAddr } from "./transport.ts";

/**
 * How much is read at a time. Of a peer that does not take its echo twice that is
 * held: what is being written, and what Node has read ahead.
 */
const CHUNK = 64 * 1024;

/** Node as a {@linkcode Runtime}. */
export const runtime: Runtime = {
  name: `node ${process.versions.node}`,
  args: process.argv.slice(2),
  noColor: !!process.env["NO_COLOR"],
  stdout: output(1),
  stderr: output(2),

  listen(hostname, port, backlog) {
    return new Promise((resolve, reject) => {
      const server = createServer({
        allowHalfOpen: true,
        noDelay: true,
        keepAlive: true,
        pauseOnConnect: true,
        highWaterMark: CHUNK,
      });
      server.once("error", reject);
      server.listen({ host: hostname, port, backlog }, () => {
        server.off("error", reject);
        resolve(new NodeListener(server));
      });
    });
  },

  onSignal(handler) {
    const signals = ["SIGINT", "SIGTERM", "SIGBREAK"] as const;
    for (const signal of signals) process.on(signal, handler);
    return () => {
      for (const signal of signals) process.off(signal, handler);
    };
  },

  exit(code) {
    process.exit(code);
  },
};

/** Hands over the connections that Node pushes when they are asked for. */
class NodeListener implements Listener {
  readonly addr: Addr;
  readonly #server: Server;
  readonly #waiting: (Socket | Error)[] = [];
  #closed = false;
  #wake = () => {};

  constructor(server: Server) {
    this.#server = server;
    this.addr = addrOf(server.address());
    server.on("connection", (socket) => this.#push(socket));
    server.on("error", (error) => this.#push(error));
  }

  async accept(): Promise<Connection | null> {
    for (;;) {
      if (this.#closed) return null;
      const next = this.#waiting.shift();
      if (next instanceof Error) throw next;
      // A client that has already gone has no address any more.
      if (next?.remoteAddress) return new NodeConnection(next);
      if (next) next.destroy();
      else await new Promise<void>((wake) => this.#wake = wake);
    }
  }

  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#server.close();
    for (const next of this.#waiting) {
      if (!(next instanceof Error)) next.destroy();
    }
    this.#wake();
  }

  #push(next: Socket | Error): void {
    this.#waiting.push(next);
    this.#wake();
  }
}

class NodeConnection implements Connection {
  readonly remoteAddr: Addr;
  readonly #socket: Socket;
  #error: Error | undefined;

  constructor(socket: Socket) {
    this.remoteAddr = {
      transport: "tcp",
      hostname: socket.remoteAddress ?? "",
      port: socket.remotePort ?? 0,
    };
    this.#socket = socket;
    socket.on("error", (error) => this.#error = error);
    socket.once("close", () => this.#error ??= new Error("Connection closed"));
  }

  async read(p: Uint8Array): Promise<number | null> {
    const socket = this.#socket;
    for (;;) {
      const count = Math.min(socket.readableLength, p.length);
      if (count > 0) {
        p.set(socket.read(count));
        return count;
      }
      if (this.#error) throw this.#error;
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
    return new Promise((resolve, reject) => {
      this.#socket.write(
        p,
        (error) => error ? reject(error) : resolve(p.length),
      );
    });
  }

  pipe(onBytes: (count: number) => void): Promise<void> {
    const socket = this.#socket;
    let pending = 0;
    const written = (error?: Error | null) => {
      if (error || socket.writableLength > 0) return;
      onBytes(pending);
      pending = 0;
      if (socket.isPaused()) socket.resume();
    };
    return new Promise((resolve, reject) => {
      socket.on("data", (chunk) => {
        onBytes(0);
        pending += chunk.length;
        socket.write(chunk, written);
        if (socket.writableLength > 0) socket.pause();
      });
      socket.once("end", () => socket.end(resolve));
      socket.once("close", () => reject(this.#error));
      socket.resume();
    });
  }

  close(): void {
    this.#socket.destroy();
  }
}

function addrOf(address: ReturnType<Server["address"]>): NetAddr {
  if (address === null || typeof address === "string") {
    throw new TypeError("Cannot tell the address of a socket that is not TCP");
  }
  return { transport: "tcp", hostname: address.address, port: address.port };
}

function output(descriptor: 1 | 2): Output {
  const stream = descriptor === 1 ? process.stdout : process.stderr;
  return {
    isTerminal: () => stream.isTTY === true,
    async write(p) {
      // Not stream.write(), which waits for a pipe to be read.
      const { bytesWritten } = await promisify(write)(descriptor, p);
      return bytesWritten;
    },
  };
}
