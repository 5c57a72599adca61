import type { Connection } from "./transport.ts";
import { Turnstile } from "./turnstile.ts";

/** A buffer's size to begin with: most connections send little, or nothing. */
const SMALLEST = 256;
/** The size up to which it grows while reads fill it. */
const LARGEST = 64 * 1024;
/** By how much it grows, and shrinks, at a time. */
const FACTOR = 4;
/** How many bursts a connection must have sent before it keeps a large buffer. */
const BURSTS = 4;
/** How many reads in a row must have left it mostly empty before it shrinks. */
const SHORT_READS = 16;
/** How far the buffers of one server may grow, all together. */
const GROWTH = 64 * 1024 * 1024;
/** How many buffers of each size are kept for the next one who needs them. */
const SPARE = 256;

/**
 * Sends back whatever the peer sends, until the peer ends its sending side.
 * Leaves the connection open: closing it is the caller's.
 *
 * At most 64 KiB are held meanwhile (on Node 128 KiB, on Bun 512 KiB): nothing
 * more is read from a peer that does not take its echo.
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
 * @param connection The connection, for example a `Deno.Conn`.
 * @param onBytes Called whenever bytes have moved: with the number of bytes that
 * have just been sent back, or with 0 when bytes have come in.
 * @returns A promise that resolves at the peer's end of file, once everything
 * has been sent back, and rejects with the error of a connection that fails or
 * is closed before.
 */
export function echo(
  connection: Connection,
  onBytes: (count: number) => void = () => {},
): Promise<void> {
  return echoAmong(new Shared(), connection, onBytes);
}

/** {@linkcode echo} for one of many connections. */
export function echoAmong(
  shared: Shared,
  connection: Connection,
  onBytes: (count: number) => void,
): Promise<void> {
  return connection.pipe?.(onBytes) ?? pump(shared, connection, onBytes);
}

/** What the connections of one server share. */
export class Shared {
  /** Who may read next when many are busy. */
  readonly turnstile: Turnstile = new Turnstile();
  /** How many bytes their buffers may still grow by. */
  growth = GROWTH;
  readonly #spare = new Map<number, Uint8Array<ArrayBuffer>[]>();

  /** A buffer of that size; what is in it is anybody's. */
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
  connection: Connection,
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
      onBytes(0);
      for (let sent = 0; sent < count;) {
        const taken = await connection.write(
          buffer.bytes.subarray(sent, count),
        );
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

/** A buffer that is as large as its connection's reads have lately been. */
class AdaptiveBuffer {
  bytes = new Uint8Array(SMALLEST);
  readonly #shared: Shared;
  #bursts = 0;
  #shortReads = 0;

  constructor(shared: Shared) {
    this.#shared = shared;
  }

  /** Fits the size to the next read, after one of `count` bytes. */
  fit(count: number): void {
    const size = this.bytes.length;
    if (count === size) {
      this.#shortReads = 0;
      if (size < LARGEST) this.#resize(size * FACTOR);
    } else if (size > SMALLEST) {
      // All there was has been read, so the next read will be pending, and pins
      // its buffer: a large one only for a peer that has proved to need it.
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

  /** Gives back what it has grown by. */
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
