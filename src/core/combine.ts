import { acceptPending } from "./accept_queue.ts";
import { sumDatagrams } from "./counts.ts";
import type { Addr, Connection, Datagrams, Listener } from "./transport.ts";

/**
 * Combines listeners into one, so that one server can serve them all. Its address
 * is that of the first.
 *
 * They take turns: neither a quiet listener nor a busy one delays the others.
 *
 * @throws {TypeError} If there is no listener.
 */
export function combine<A extends Addr>(
  listeners: readonly Listener<A>[],
): Listener<A> {
  const [first] = listeners;
  if (!first) throw new TypeError("Cannot serve: there must be a listener");
  return listeners.length === 1 ? first : new Combined(first.addr, listeners);
}

/** The result of an `accept`: a connection, or an error. */
type Answer =
  | { readonly from: Listener; readonly connection: Connection }
  | { readonly from: Listener; readonly error: unknown };

/** Several listeners as one. */
export class Combined<A extends Addr> implements Listener<A> {
  readonly addr: A;
  /** Of those that can only be closed, it closes. */
  readonly stop?: () => void;
  /** The listener of the connection that was accepted last. */
  latest: Listener | undefined;
  #listeners: readonly Listener[];
  /** Listeners without a pending `accept`. */
  readonly #idle: Set<Listener>;
  /** Results not asked for yet, at most one of each listener. */
  readonly #answers: Answer[] = [];
  /** The number of listeners with a pending `accept`. */
  #asked = 0;
  /** Those that have been closed, one by one. */
  readonly #over = new Set<Listener>();
  #pending = false;
  #closed = false;
  #wake = () => {};

  constructor(addr: A, listeners: readonly Listener[]) {
    this.addr = addr;
    this.#listeners = listeners;
    this.#idle = new Set(listeners);
    if (listeners.some(({ stop }) => stop)) this.stop = () => this.#stop();
  }

  get datagrams(): Datagrams | undefined {
    return sumDatagrams(this.#listeners);
  }

  /** Those of the first; all addresses of a name have the same. */
  get faults(): Listener["faults"] {
    return this.#listeners[0]?.faults;
  }

  async accept(): Promise<Connection | null> {
    if (this.#pending) throw acceptPending();
    this.#pending = true;
    try {
      for (;;) {
        if (this.#closed) return null;
        for (const listener of this.#idle) this.#ask(listener);
        const answer = this.#answers.shift();
        if (answer) {
          this.#idle.add(answer.from);
          if ("error" in answer) throw answer.error;
          this.latest = answer.from;
          return answer.connection;
        }
        if (this.#asked === 0) return null;
        await new Promise<void>((wake) => this.#wake = wake);
      }
    } finally {
      this.#pending = false;
    }
  }

  /** Accepts from one more listener. */
  add(listener: Listener): void {
    this.#listeners = [...this.#listeners, listener];
    this.#idle.add(listener);
    this.#wake();
  }

  /** Forgets a listener that has ended. */
  forget(listener: Listener): void {
    this.#listeners = this.#listeners.filter((one) => one !== listener);
  }

  /** Closes all of them. Rejects with the first error, after the others are closed. */
  async close(): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    const connections = this.#answers.flatMap((answer) =>
      // A listener that misbehaves may have given undefined.
      "error" in answer ? [] : answer.connection ?? []
    );
    const closing = [...this.#listeners, ...connections].map((one) =>
      Promise.try(() => one.close())
    );
    this.#wake();
    await Promise.all(closing);
  }

  ref(): void {
    for (const listener of this.#listeners) listener.ref?.();
  }

  unref(): void {
    for (const listener of this.#listeners) listener.unref?.();
  }

  #stop(): void {
    for (const listener of this.#listeners) {
      if (listener.stop) listener.stop();
      else this.#over.add(listener);
    }
    for (const listener of this.#over) {
      Promise.try(() => listener.close()).catch(() => {});
    }
  }

  async #ask(from: Listener): Promise<void> {
    this.#idle.delete(from);
    this.#asked++;
    try {
      const connection = await from.accept();
      if (connection !== null) {
        if (!this.#closed) this.#answers.push({ from, connection });
        else Promise.try(() => connection.close()).catch(() => {});
      }
    } catch (error) {
      // A closed listener may reject what is pending.
      if (!this.#over.has(from)) this.#answers.push({ from, error });
    }
    this.#asked--;
    this.#wake();
  }
}
