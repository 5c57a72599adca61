import { fill, restOf } from "./rest.ts";
import type { Addr, Connection } from "./transport.ts";

/** The two streams of a connection: what comes in, and what goes out. */
export interface StreamPair {
  /** What the peer sends. */
  readonly readable: ReadableStream<Uint8Array>;
  /** What the peer is sent. */
  readonly writable: WritableStream<Uint8Array>;
}

/**
 * Makes a connection of two web streams, for example of a WebSocketStream, a
 * WebTransport stream, a TransformStream or a socket that has nothing else.
 *
 * It locks both streams. Every chunk is written before the next one is read, so
 * a slow peer holds back its own side and nothing piles up. Closing the
 * connection cancels `readable` and closes `writable`; it aborts `writable` if a
 * write is pending.
 *
 * @example
 * ```ts
 * import { echo, fromStreams } from "@echod/echod";
 *
 * const upload = new TransformStream<Uint8Array, Uint8Array>();
 * const download = new TransformStream<Uint8Array, Uint8Array>();
 * const done = echo(
 *   fromStreams({ readable: upload.readable, writable: download.writable }),
 * );
 * const writer = upload.writable.getWriter();
 * writer.write(new TextEncoder().encode("Hello World"));
 * console.log(await download.readable.getReader().read());
 * await Promise.all([writer.close(), done]);
 * ```
 *
 * @param streams The two streams; neither may be locked.
 * @param remoteAddr The peer's address; that of an unnamed Unix socket by default.
 * @throws {TypeError} If a stream is missing or locked.
 */
export function fromStreams(
  { readable, writable }: StreamPair,
  remoteAddr: Addr = { transport: "unix", path: "" },
): Connection {
  for (const [name, stream] of Object.entries({ readable, writable })) {
    if (stream?.locked !== false) {
      throw new TypeError(
        `Cannot connect: ${name} must be a stream that nobody else reads or writes`,
      );
    }
  }
  return new StreamConnection(
    readable.getReader(),
    writable.getWriter(),
    remoteAddr,
  );
}

class StreamConnection implements Connection {
  readonly remoteAddr: Addr;
  readonly #reader: ReadableStreamDefaultReader<Uint8Array>;
  readonly #writer: WritableStreamDefaultWriter<Uint8Array>;
  /** What is left of a chunk that was larger than the buffer it was read into. */
  #rest: Uint8Array | undefined;
  #closed = false;
  /** Reject what is pending. */
  #stopReading: ((error: Error) => void) | undefined;
  #stopWriting: ((error: Error) => void) | undefined;

  constructor(
    reader: ReadableStreamDefaultReader<Uint8Array>,
    writer: WritableStreamDefaultWriter<Uint8Array>,
    remoteAddr: Addr,
  ) {
    this.#reader = reader;
    this.#writer = writer;
    this.remoteAddr = remoteAddr;
  }

  async read(p: Uint8Array): Promise<number | null> {
    const bytes = await this.#next();
    if (!bytes) return null;
    const count = fill(p, bytes);
    this.#rest = restOf(bytes, count);
    return count;
  }

  async write(p: Uint8Array): Promise<number> {
    // The stream may keep what it is given, and `p` is the caller's.
    await this.#send(p.slice());
    return p.length;
  }

  async pipe(onBytes: (count: number) => void): Promise<void> {
    for (let bytes; (bytes = await this.#next());) {
      onBytes(0);
      await this.#send(bytes);
      onBytes(bytes.length);
    }
  }

  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    const error = new Error("Connection closed");
    const ended = this.#stopWriting
      ? this.#writer.abort(error)
      : this.#writer.close();
    // A stream that fails, or is closed already, is as closed as can be.
    ended.catch(() => {});
    this.#reader.cancel(error).catch(() => {});
    this.#stopReading?.(error);
    this.#stopWriting?.(error);
  }

  /** The next bytes, at least one; undefined at the end. */
  async #next(): Promise<Uint8Array | undefined> {
    let bytes = this.#rest;
    this.#rest = undefined;
    while (!bytes?.length) {
      const { done, value } = await this.#untilClosed(
        this.#reader.read(),
        (stop) => this.#stopReading = stop,
      );
      if (done) return undefined;
      // Not by its class, as test runners give each file a realm of its own.
      if (Object.prototype.toString.call(value) !== "[object Uint8Array]") {
        throw new TypeError("Cannot read: the stream must be one of bytes");
      }
      bytes = value;
    }
    return bytes;
  }

  #send(bytes: Uint8Array): Promise<void> {
    return this.#untilClosed(
      this.#writer.write(bytes),
      (stop) => this.#stopWriting = stop,
    );
  }

  /** Settles with what is pending; rejects when the connection is closed first. */
  #untilClosed<T>(
    pending: Promise<T>,
    setStop: (stop: ((error: Error) => void) | undefined) => void,
  ): Promise<T> {
    return new Promise<T>((resolve, reject) => {
      if (this.#closed) reject(new Error("Connection closed"));
      // A stream need not settle what it was asked before it was closed.
      setStop(reject);
      pending.then(resolve, reject);
    }).finally(() => setStop(undefined));
  }
}
