import { Buffer } from "node:buffer";
import type { Socket } from "node:net";
import { Duplex } from "node:stream";
import type { TLSSocket } from "node:tls";
import { fill, restOf } from "../../core/rest.ts";
import type { Addr, Connection } from "../../core/transport.ts";
import type { Secure } from "../node/listen.ts";

/**
 * How much is encrypted at a time, in bytes. Of more than 48 KiB, Deno keeps the
 * rest until something comes in.
 */
const PIECE = 32 * 1024;

/**
 * Begins TLS on a socket of Deno's `node:net`. A `TLSSocket` of Deno goes on
 * reading its socket while it is paused, and loses an end that comes meanwhile. So
 * this one reads from a stream that holds back what nobody has asked for, and is
 * never paused.
 */
export const secure: Secure = (raw, addr, secureContext, { TLSSocket }) => {
  const ciphertext = new Ciphertext(raw);
  const socket = new TLSSocket(ciphertext, { isServer: true, secureContext });
  const connection = new TlsConnection(raw, addr, ciphertext, socket);
  return { socket, connection };
};

/** The bytes of a socket, one chunk after another. */
class Ciphertext extends Duplex {
  /** Whether the next chunk may come. */
  isWanted = () => true;
  readonly #raw: Socket;

  constructor(raw: Socket) {
    super({ autoDestroy: false });
    this.#raw = raw;
    raw.on("data", (chunk) => {
      raw.pause();
      this.push(chunk);
    });
    raw.once("end", () => this.push(null));
    raw.pause();
  }

  override _read(): void {
    if (this.isWanted()) this.#raw.resume();
  }

  override _write(
    chunk: Uint8Array,
    _encoding: string,
    done: (error?: Error | null) => void,
  ): void {
    if (chunk.length === 0) done();
    else this.#raw.write(chunk, done);
  }

  /** Resolves when the system has taken everything written before. */
  flush(): Promise<void> {
    return new Promise((resolve, reject) => {
      this.write(new Uint8Array(), settle(resolve, reject));
    });
  }
}

class TlsConnection implements Connection {
  readonly remoteAddr: Addr;
  readonly #raw: Socket;
  readonly #ciphertext: Ciphertext;
  readonly #socket: TLSSocket;
  /** What has been decrypted and not been read yet. */
  #rest: Uint8Array | undefined;
  #ended = false;
  #error: unknown;
  #wake = () => {};

  constructor(
    raw: Socket,
    remoteAddr: Addr,
    ciphertext: Ciphertext,
    socket: TLSSocket,
  ) {
    this.remoteAddr = remoteAddr;
    this.#raw = raw;
    this.#ciphertext = ciphertext;
    this.#socket = socket;
    ciphertext.isWanted = () => this.#rest === undefined;
    socket.on("data", (chunk) => {
      this.#rest = this.#rest ? Buffer.concat([this.#rest, chunk]) : chunk;
      this.#wake();
    });
    socket.once("end", () => {
      this.#ended = true;
      this.#wake();
    });
    for (const stream of [raw, ciphertext, socket]) {
      stream.on("error", (error) => this.#fail(error));
    }
    socket.once("close", () => raw.destroy());
    raw.once("close", () => {
      this.#fail(new Error("Connection closed"));
      socket.destroy();
    });
  }

  async read(p: Uint8Array): Promise<number | null> {
    for (;;) {
      if (this.#rest) {
        const count = fill(p, this.#rest);
        this.#rest = restOf(this.#rest, count);
        return count;
      }
      if (this.#ended) return null;
      if (this.#error) throw this.#error;
      this.#raw.resume();
      await new Promise<void>((wake) => this.#wake = wake);
    }
  }

  async write(p: Uint8Array): Promise<number> {
    const piece = p.slice(0, PIECE);
    try {
      await new Promise<void>((resolve, reject) => {
        this.#socket.write(piece, settle(resolve, reject));
      });
      await this.#ciphertext.flush();
      return piece.length;
    } catch (error) {
      // What comes first says why; what follows is just that nothing works any more.
      throw this.#error ?? error;
    }
  }

  async closeWrite(): Promise<void> {
    await new Promise<void>((resolve) => this.#socket.end(resolve));
    await this.#ciphertext.flush();
    await new Promise<void>((resolve) => this.#raw.end(resolve));
  }

  async delivered(): Promise<void> {
    const { delivered } = await import("../tcp_delivery.ts");
    await delivered(this.#raw.localPort, this.#raw.remotePort);
  }

  close(): void {
    this.#fail(new Error("Connection closed"));
    const streams = [this.#socket, this.#ciphertext, this.#raw];
    if (streams.some((stream) => stream.writableLength > 0)) {
      this.#raw.destroy();
    } else {
      // Deno sends the close_notify in a microtask that it has begun before this.
      this.#socket.end(() => queueMicrotask(() => this.#raw.destroy()));
    }
  }

  reset(): void {
    this.#raw.resetAndDestroy();
  }

  #fail(error: unknown): void {
    this.#error ??= error;
    this.#wake();
  }
}

/** Makes a callback that settles a promise. */
function settle(
  resolve: () => void,
  reject: (error: Error) => void,
): (error?: Error | null) => void {
  return (error) => error ? reject(error) : resolve();
}
