import type { Connection } from "../core/transport.ts";
import type { Turnstile } from "../core/turnstile.ts";

/** The sizes of the buffer: to begin with, and when a read has filled it, in bytes. */
const SIZES = { small: 4 * 1024, large: 64 * 1024 };

/**
 * Reads a connection until its peer has ended its side, beside any number of
 * others that are busy.
 *
 * @param onChunk Called with what was read, which is valid until it returns or,
 * where it returns a promise, until that resolves; only then comes the next read.
 */
export async function readAll(
  connection: Connection,
  turnstile: Turnstile,
  onChunk: (bytes: Uint8Array) => Promise<void> | void,
): Promise<void> {
  const ticket = turnstile.join();
  try {
    let buffer = new Uint8Array(SIZES.small);
    for (;;) {
      const count = await connection.read(buffer);
      if (ticket.hot) turnstile.leave(ticket);
      if (count === null) return;
      const full = count === buffer.length;
      const waiting = onChunk(buffer.subarray(0, count));
      if (waiting) await waiting;
      // A pending read pins its buffer, so only a busy connection has a large one.
      const size = full ? SIZES.large : SIZES.small;
      if (buffer.length !== size) buffer = new Uint8Array(size);
      if (turnstile.crowded) await turnstile.enter(ticket);
    }
  } finally {
    turnstile.part(ticket);
  }
}
