import { acceptPending } from "../core/accept_queue.ts";
import type { Addr, Connection, Listener, Pem } from "../core/transport.ts";

/** For how long nobody may have come to an old socket before it is closed, in milliseconds. */
const QUIET = 1;
/** When an old socket is closed, although clients come without a pause, in milliseconds. */
const LONGEST = 1_000;

/**
 * Binds a socket for a certificate, alone or together with others on its port.
 */
export type Bind = (
  pem: Pem,
  place: { readonly port: number; readonly reusePort: boolean },
) => Promise<Listener>;

/**
 * Binds a TLS socket whose certificate can be replaced, on a runtime that binds
 * the certificate to the socket: another socket is bound to the same port, and
 * the old one is closed when nobody waits in its queue any more. Linux only.
 */
export async function listenReplaceable(
  pem: Pem,
  { port, reusePort }: { readonly port: number; readonly reusePort: boolean },
  bind: Bind,
): Promise<Listener> {
  // A socket that shares its port does not notice others that share it.
  if (!reusePort && port !== 0) (await bind(pem, { port, reusePort })).close();
  return new Replaceable(await bind(pem, { port, reusePort: true }), bind);
}

/** The result of an `accept`: a connection, or an error. */
type Answer =
  | { readonly from: Socket; readonly connection: Connection }
  | { readonly from: Socket; readonly error: unknown };

/** One of the sockets, for one certificate. */
class Socket {
  readonly listener: Listener;
  /** Whether its `accept` is pending, or its result was not asked for yet. */
  state: "idle" | "asked" | "answered" = "idle";
  /** When it was replaced. */
  replacedAt: number | undefined;
  /** Closes it when it has been quiet. */
  timer: ReturnType<typeof setTimeout> | undefined;
  /** Settles when it is closed. */
  readonly closed: PromiseWithResolvers<void> = Promise.withResolvers();

  constructor(listener: Listener) {
    this.listener = listener;
  }
}

class Replaceable implements Listener {
  readonly addr: Addr;
  readonly #bind: Bind;
  /** The socket for the certificate of now, and those that it replaces, oldest first. */
  readonly #sockets: Socket[];
  /** Results not asked for yet, at most one of each socket. */
  readonly #answers: Answer[] = [];
  #pending = false;
  #closed = false;
  #isUnref = false;
  #wake = () => {};

  constructor(listener: Listener, bind: Bind) {
    this.addr = listener.addr;
    this.#bind = bind;
    this.#sockets = [new Socket(listener)];
  }

  async accept(): Promise<Connection | null> {
    if (this.#pending) throw acceptPending();
    this.#pending = true;
    try {
      for (;;) {
        if (this.#closed) return null;
        for (const socket of [...this.#sockets]) this.#ask(socket);
        const answer = this.#answers.shift();
        if (answer) {
          answer.from.state = "idle";
          if ("error" in answer) throw answer.error;
          return answer.connection;
        }
        await new Promise<void>((wake) => this.#wake = wake);
      }
    } finally {
      this.#pending = false;
    }
  }

  async reload(pem: Pem): Promise<void> {
    const port = "port" in this.addr ? this.addr.port : 0;
    const listener = await this.#bind(pem, { port, reusePort: true });
    if (this.#closed) return listener.close();
    if (this.#isUnref) listener.unref?.();
    const old = [...this.#sockets];
    this.#sockets.push(new Socket(listener));
    for (const socket of old) {
      socket.replacedAt ??= performance.now();
      this.#closeWhenQuiet(socket);
    }
    this.#wake();
    // If there is no free place, clients in an old queue go on waiting.
    const { promise: waited, resolve } = Promise.withResolvers<void>();
    const timer = setTimeout(resolve, LONGEST);
    const closed = Promise.all(old.map((socket) => socket.closed.promise));
    await Promise.race([closed, waited]);
    clearTimeout(timer);
  }

  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    for (const socket of [...this.#sockets]) this.#end(socket);
    for (const answer of this.#answers) {
      if ("connection" in answer) answer.connection.close();
    }
    this.#wake();
  }

  ref(): void {
    this.#isUnref = false;
    for (const { listener } of this.#sockets) listener.ref?.();
  }

  unref(): void {
    this.#isUnref = true;
    for (const { listener } of this.#sockets) listener.unref?.();
  }

  async #ask(from: Socket): Promise<void> {
    if (from.state !== "idle") return;
    from.state = "asked";
    this.#closeWhenQuiet(from);
    try {
      const connection = await from.listener.accept();
      if (connection && this.#closed) connection.close();
      else if (connection) this.#answers.push({ from, connection });
    } catch (error) {
      this.#answers.push({ from, error });
    }
    from.state = "answered";
    clearTimeout(from.timer);
    if (!this.#sockets.includes(from)) from.closed.resolve();
    this.#wake();
  }

  /** Closes a socket that has been replaced, if nobody comes while it is asked. */
  #closeWhenQuiet(socket: Socket): void {
    const { replacedAt, state } = socket;
    if (replacedAt === undefined || state !== "asked") return;
    const isOverdue = performance.now() - replacedAt >= LONGEST;
    const wait = isOverdue ? 0 : QUIET;
    clearTimeout(socket.timer);
    socket.timer = setTimeout(() => this.#end(socket), wait);
  }

  #end(socket: Socket): void {
    clearTimeout(socket.timer);
    socket.listener.close();
    const index = this.#sockets.indexOf(socket);
    if (index >= 0) this.#sockets.splice(index, 1);
    // Deno lets the socket go only when its pending accept has ended.
    if (socket.state !== "asked") socket.closed.resolve();
  }
}
