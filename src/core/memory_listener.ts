import { AcceptQueue } from "./accept_queue.ts";
import { fromStreams, type StreamPair } from "./streams.ts";
import type { Addr, BoundListener, Connection } from "./transport.ts";

/** A {@linkcode Listener} without a network, and the way to connect to it. */
export interface MemoryListener extends BoundListener {
  /**
   * Connects to it, and returns the client's side: closing its `writable` ends
   * the client's sending side; aborting it fails the connection with the reason,
   * which counts as a reset if its `code` is `"ECONNRESET"`.
   *
   * @param remoteAddr The client's address; that of an unnamed Unix socket by
   * default.
   * @throws {Error} If the listener is closed.
   */
  connect(remoteAddr?: Addr): StreamPair;
}

/**
 * A listener without a network, for tests: nothing is bound, no permission is
 * needed, and no timer runs.
 *
 * @example
 * ```ts
 * import { memoryListener, serve } from "@echod/echod";
 *
 * const listener = memoryListener();
 * await using server = serve(listener);
 * const { readable, writable } = listener.connect();
 * const writer = writable.getWriter();
 * writer.write(new TextEncoder().encode("Hello World"));
 * const { value } = await readable.getReader().read();
 * console.log(new TextDecoder().decode(value), server.stats().accepted);
 * ```
 */
export function memoryListener(): MemoryListener {
  return new InMemory();
}

/** How many bytes each direction takes before they are read. */
const ROOM = 64 * 1024;

class InMemory implements MemoryListener {
  readonly addr: Addr = { transport: "unix", path: "" };
  readonly #queue = new AcceptQueue<Connection>();
  #closed = false;

  connect(remoteAddr?: Addr): StreamPair {
    if (this.#closed) throw new Error("Cannot connect: the listener is closed");
    const up = copier();
    const down = copier();
    this.#queue.push(
      fromStreams(
        { readable: up.readable, writable: down.writable },
        remoteAddr,
      ),
    );
    return { readable: down.readable, writable: up.writable };
  }

  accept(): Promise<Connection | null> {
    return this.#queue.next();
  }

  close(): void {
    this.#closed = true;
    for (const connection of this.#queue.close()) connection.close();
  }

  [Symbol.dispose](): void {
    this.close();
  }
}

/**
 * A way for bytes. Like a network it copies them, so a sender may use its buffer
 * again, and takes some before anybody reads.
 */
function copier(): TransformStream<Uint8Array, Uint8Array> {
  return new TransformStream(
    {
      transform(bytes, controller) {
        try {
          controller.enqueue(bytes.slice());
        } catch (cause) {
          // On Bun a write may come after the peer has cancelled its side.
          const error = new Error("Connection reset", { cause });
          throw Object.assign(error, { code: "ECONNRESET" });
        }
      },
    },
    undefined,
    { highWaterMark: ROOM, size: (bytes) => bytes.length },
  );
}
