import type { StreamFaults } from "../core/fault_options.ts";
import type { Addr, Connection, Listener, Pem } from "../core/transport.ts";
import { Faults } from "./faulty_connection.ts";

/**
 * Decorates a listener so that its connections misbehave on purpose.
 *
 * @example
 * ```ts
 * import { faultyListener, memoryListener, serve } from "@echod/echod";
 *
 * const listener = memoryListener();
 * await using server = serve(
 *   faultyListener(listener, { close: 5 }),
 *   { onClose: ({ bytes, fault }) => console.log(bytes, fault) }, // 5 close
 * );
 * const { readable, writable } = listener.connect();
 * const writer = writable.getWriter();
 * writer.write(new TextEncoder().encode("Hello World"));
 * const { value } = await readable.getReader().read();
 * console.log(new TextDecoder().decode(value)); // Hello
 * await writer.close();
 * await server.shutdown();
 * ```
 *
 * @param listener A listener of connections; for a UDP socket, `listen` has an
 * option `faults`.
 * @throws {TypeError} If a fault is unknown or of the wrong type, or if the listener
 * is of UDP.
 * @throws {RangeError} If a fault is out of range.
 */
export function faultyListener<A extends Addr>(
  listener: Listener<A>,
  faults: StreamFaults,
): Listener<A> {
  if (listener.datagrams) {
    throw new TypeError(
      "Cannot add faults to a UDP socket that is bound: listen() has an option faults",
    );
  }
  return new FaultyListener(listener, faults);
}

class FaultyListener<A extends Addr> implements Listener<A> {
  readonly addr: A;
  readonly reload?: (pem: Pem) => void;
  readonly stop?: () => void;
  readonly #listener: Listener<A>;
  readonly faults: StreamFaults;
  readonly #faults: Faults;

  constructor(listener: Listener<A>, faults: StreamFaults) {
    this.addr = listener.addr;
    this.#listener = listener;
    this.faults = { ...faults };
    this.#faults = new Faults(faults);
    const { reload, stop } = listener;
    if (stop) this.stop = () => stop.call(listener);
    if (reload) this.reload = (pem) => reload.call(listener, pem);
  }

  async accept(): Promise<Connection | null> {
    const connection = await this.#listener.accept();
    if (connection === null) return null;
    try {
      return this.#faults.decorate(connection);
    } catch (error) {
      connection.close();
      throw error;
    }
  }

  /** Closes the listener that is decorated. Settles as its `close` does. */
  async close(): Promise<void> {
    await this.#listener.close();
  }

  ref(): void {
    this.#listener.ref?.();
  }

  unref(): void {
    this.#listener.unref?.();
  }
}
