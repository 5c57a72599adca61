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
    const up = makeWay();
    const down = makeWay();
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
 * again, and takes some before anybody reads. A reader that cancels, and a sender
 * that aborts, end the other side with their reason.
 */
function makeWay(): StreamPair {
  let cancelled: { readonly reason: unknown } | undefined;
  let wake = () => {};
  let reader: ReadableStreamDefaultController<Uint8Array>;
  const readable = new ReadableStream<Uint8Array>({
    start(controller) {
      reader = controller;
    },
    pull: () => wake(),
    cancel(reason) {
      cancelled = { reason };
      wake();
    },
  }, { highWaterMark: ROOM, size: (bytes) => bytes.length });
  const writable = new WritableStream<Uint8Array>({
    async write(bytes, { signal }) {
      signal.onabort = () => wake();
      while (!cancelled && !signal.aborted && (reader.desiredSize ?? 0) <= 0) {
        await new Promise<void>((resolve) => wake = resolve);
      }
      if (cancelled) throw cancelled.reason;
      if (!signal.aborted) reader.enqueue(bytes.slice());
    },
    close() {
      if (!cancelled) reader.close();
    },
    abort: (reason) => reader.error(reason),
  });
  return { readable, writable };
}
