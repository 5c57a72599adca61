import type { Addr, Connection, Datagrams, Listener } from "./transport.ts";

/**
 * Makes one listener of several, so that one server can serve them all. Its
 * address is that of the first.
 *
 * Each of them has its turn: one that is quiet does not keep the others waiting,
 * nor does one that is busy.
 *
 * @throws {TypeError} If there is none.
 */
export function combine<A extends Addr>(
  listeners: readonly Listener<A>[],
): Listener<A> {
  const [first] = listeners;
  if (!first) throw new TypeError("Cannot serve: there must be a listener");
  return listeners.length === 1 ? first : new Combined(first.addr, listeners);
}

/** What several have counted; undefined if none of them counts datagrams. */
export function sumDatagrams(
  all: readonly { readonly datagrams?: Datagrams | undefined }[],
): Datagrams | undefined {
  const counts = all.flatMap(({ datagrams }) => datagrams ?? []);
  if (counts.length === 0) return undefined;
  return counts.reduce((sum, one) => ({
    echoed: sum.echoed + one.echoed,
    dropped: sum.dropped + one.dropped,
    bytes: sum.bytes + one.bytes,
  }));
}

/** What one of them has answered: a connection, or why it could not accept one. */
interface Answer {
  readonly from: Listener;
  readonly connection?: Connection;
  readonly error?: unknown;
}

class Combined<A extends Addr> implements Listener<A> {
  readonly addr: A;
  readonly #listeners: readonly Listener[];
  /** Those who are to be asked for their next connection. */
  readonly #idle: Set<Listener>;
  /** Answers that nobody has asked for yet: at most one of each. */
  readonly #answers: Answer[] = [];
  #ended = 0;
  #closed = false;
  #wake = () => {};

  constructor(addr: A, listeners: readonly Listener[]) {
    this.addr = addr;
    this.#listeners = listeners;
    this.#idle = new Set(listeners);
  }

  get datagrams(): Datagrams | undefined {
    return sumDatagrams(this.#listeners);
  }

  async accept(): Promise<Connection | null> {
    for (;;) {
      if (this.#closed) return null;
      for (const listener of this.#idle) this.#ask(listener);
      const answer = this.#answers.shift();
      if (answer) {
        this.#idle.add(answer.from);
        if (answer.connection) return answer.connection;
        throw answer.error;
      }
      if (this.#ended === this.#listeners.length) return null;
      await new Promise<void>((wake) => this.#wake = wake);
    }
  }

  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    for (const listener of this.#listeners) listener.close();
    for (const { connection } of this.#answers) connection?.close();
    this.#wake();
  }

  async #ask(from: Listener): Promise<void> {
    this.#idle.delete(from);
    try {
      const connection = await from.accept();
      if (!connection) this.#ended++;
      else if (this.#closed) connection.close();
      else this.#answers.push({ from, connection });
    } catch (error) {
      this.#answers.push({ from, error });
    }
    this.#wake();
  }
}
