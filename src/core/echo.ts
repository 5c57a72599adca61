import type { Connection } from "./transport.ts";
import { Turnstile } from "./turnstile.ts";

/** The initial size of a buffer: most connections send little or nothing. */
const SMALLEST = 256;
/** The largest size of a buffer. */
const LARGEST = 64 * 1024;
/** The factor by which a buffer grows and shrinks. */
const FACTOR = 4;
/** The number of bursts after which a connection keeps a large buffer. */
const BURSTS = 4;
/** The number of short reads in a row after which a buffer shrinks. */
const SHORT_READS = 16;
/** How much the buffers of one server may grow in total, in bytes. */
const GROWTH = 64 * 1024 * 1024;
/** The number of spare buffers to keep of each size. */
const SPARE = 256;

/** The part of a connection that an echo needs. */
export type Echoable = Pick<Connection, "read" | "write" | "pipe">;

/**
 * Sends back what the peer sends, until the peer ends its sending side. The caller
 * closes the connection.
 *
 * At most 64 KiB are held at a time (128 KiB on Node, 512 KiB on Bun): a peer that
 * does not read its echo is not read from.
 *
 * @example
 * ```ts
 * import { echo, listen } from "@echod/echod";
 *
 * const listener = await listen({ port: 0 });
 * async function echoAll() {
 *   for (let c; (c = await listener.accept());) {
 *     echo(c).catch(console.error).finally(() => c.close());
 *   }
 * }
 * const done = echoAll();
 * listener.close();
 * await done;
 * ```
 *
 * @param connection The connection, for example a `Deno.Conn`. It reads and writes
 * with the same buffer again and again, which the connection must not keep.
 * @param onBytes Called whenever bytes have moved: with the number of bytes just
 * sent back, or with 0 when bytes have been received.
 * @returns A promise that resolves at the peer's end of file, once everything is
 * sent back. It rejects if the connection fails or is closed before.
 */
export function echo(
  connection: Echoable,
  onBytes: (count: number) => void = () => {},
): Promise<void> {
  return echoAmong(new Shared(), connection, onBytes);
}

/** {@linkcode echo} for one of many connections. */
export function echoAmong(
  shared: Shared,
  connection: Echoable,
  onBytes: (count: number) => void,
): Promise<void> {
  return connection.pipe?.(onBytes) ?? pump(shared, connection, onBytes);
}

/** What the connections of one server share. */
export class Shared {
  /** Decides which connection reads next when many are busy. */
  readonly turnstile: Turnstile = new Turnstile();
  /** How much the buffers may still grow, in bytes. */
  growth = GROWTH;
  readonly #spare = new Map<number, Uint8Array<ArrayBuffer>[]>();
  #sink: Uint8Array | undefined;

  /** A buffer for what is dropped: one serves all, as its content is not used. */
  get sink(): Uint8Array {
    return this.#sink ??= new Uint8Array(LARGEST);
  }

  /** Returns a buffer of that size, with any content. */
  takeBuffer(size: number): Uint8Array<ArrayBuffer> {
    return this.#spare.get(size)?.pop() ?? new Uint8Array(size);
  }

  /** Keeps a buffer for the next connection that has to grow or shrink. */
  giveBuffer(bytes: Uint8Array<ArrayBuffer>): void {
    const spare = this.#spare.get(bytes.length) ?? [];
    this.#spare.set(bytes.length, spare);
    if (spare.length < SPARE) spare.push(bytes);
  }
}

async function pump(
  shared: Shared,
  connection: Echoable,
  onBytes: (count: number) => void,
): Promise<void> {
  const { turnstile } = shared;
  const ticket = turnstile.join();
  const buffer = new AdaptiveBuffer(shared);
  try {
    for (;;) {
      const count = await connection.read(buffer.bytes);
      if (ticket.hot) turnstile.leave(ticket);
      if (count === null) return;
      if (!isCount(count, buffer.bytes.length)) throw wrong("read", count);
      onBytes(0);
      for (let sent = 0; sent < count;) {
        const taken = await connection.write(
          buffer.bytes.subarray(sent, count),
        );
        if (!isCount(taken, count - sent)) throw wrong("write", taken);
        sent += taken;
        onBytes(taken);
      }
      buffer.fit(count);
      if (turnstile.crowded) await turnstile.enter(ticket);
    }
  } finally {
    turnstile.part(ticket);
    buffer.release();
  }
}

/** Reports whether a value is a number of bytes, at least one. */
function isCount(value: unknown, most: number): boolean {
  return typeof value === "number" && value > 0 && value <= most;
}

/** The error of a connection that breaks its contract, which would loop for ever. */
function wrong(method: "read" | "write", count: unknown): TypeError {
  return new TypeError(
    `Cannot echo: ${method}() of the connection resolved with ${
      String(count)
    }, which is not a number of bytes that it was asked for`,
  );
}

/** A buffer whose size follows the connection's recent reads. */
class AdaptiveBuffer {
  bytes = new Uint8Array(SMALLEST);
  readonly #shared: Shared;
  #bursts = 0;
  #shortReads = 0;

  constructor(shared: Shared) {
    this.#shared = shared;
  }

  /** Adapts the size for the next read, after one of `count` bytes. */
  fit(count: number): void {
    const size = this.bytes.length;
    if (count === size) {
      this.#shortReads = 0;
      if (size < LARGEST) this.#resize(size * FACTOR);
    } else if (size > SMALLEST) {
      // The read took all there was, so the next one will be pending and pin its
      // buffer. Only a peer that has proved to need a large one keeps it.
      if (this.#bursts < BURSTS) {
        this.#bursts++;
        this.#resize(SMALLEST);
      } else if (count >= size / FACTOR) {
        this.#shortReads = 0;
      } else if (++this.#shortReads === SHORT_READS) {
        this.#shortReads = 0;
        this.#resize(size / FACTOR);
      }
    }
  }

  /** Returns its growth to the budget. */
  release(): void {
    this.#shared.growth += this.bytes.length - SMALLEST;
  }

  #resize(size: number): void {
    const growth = size - this.bytes.length;
    if (growth > this.#shared.growth) return;
    this.#shared.growth -= growth;
    this.#shared.giveBuffer(this.bytes);
    this.bytes = this.#shared.takeBuffer(size);
  }
}
