import { Combined } from "../core/combine.ts";
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

/** One of the sockets, for one certificate. */
class Socket implements Listener {
  readonly addr: Addr;
  readonly #listener: Listener;
  #asked = false;
  /** When it was replaced. */
  #replacedAt: number | undefined;
  /** Closes it when it has been quiet. */
  #timer: ReturnType<typeof setTimeout> | undefined;
  #closed = false;
  readonly #gone = Promise.withResolvers<void>();

  constructor(listener: Listener) {
    this.addr = listener.addr;
    this.#listener = listener;
  }

  async accept(): Promise<Connection | null> {
    this.#asked = true;
    this.#closeWhenQuiet();
    try {
      return await this.#listener.accept();
    } finally {
      this.#asked = false;
      clearTimeout(this.#timer);
      if (this.#closed) this.#gone.resolve();
    }
  }

  /** Closes it when nobody waits in its queue any more. Resolves once it is gone. */
  replace(): Promise<void> {
    this.#replacedAt = performance.now();
    this.#closeWhenQuiet();
    return this.#gone.promise;
  }

  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    clearTimeout(this.#timer);
    this.#listener.close();
    // Deno lets the socket go only when its pending accept has ended.
    if (!this.#asked) this.#gone.resolve();
  }

  ref(): void {
    this.#listener.ref?.();
  }

  unref(): void {
    this.#listener.unref?.();
  }

  /** Closes it, if it has been replaced and nobody comes while it is asked. */
  #closeWhenQuiet(): void {
    if (this.#replacedAt === undefined || !this.#asked) return;
    const isOverdue = performance.now() - this.#replacedAt >= LONGEST;
    const wait = isOverdue ? 0 : QUIET;
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => this.close(), wait);
  }
}

class Replaceable implements Listener {
  readonly addr: Addr;
  readonly #bind: Bind;
  /** The socket for the certificate of now. */
  #socket: Socket;
  /** That socket, and those that were replaced and are not gone yet. */
  readonly #combined: Combined<Addr>;
  /** Resolves when all that were replaced are gone. */
  #gone: Promise<unknown> = Promise.resolve();
  #closed = false;
  #isUnref = false;

  constructor(listener: Listener, bind: Bind) {
    this.addr = listener.addr;
    this.#bind = bind;
    this.#socket = new Socket(listener);
    this.#combined = new Combined(this.addr, [this.#socket]);
  }

  accept(): Promise<Connection | null> {
    return this.#combined.accept();
  }

  async reload(pem: Pem): Promise<void> {
    const port = "port" in this.addr ? this.addr.port : 0;
    const listener = await this.#bind(pem, { port, reusePort: true });
    if (this.#closed) return listener.close();
    if (this.#isUnref) listener.unref?.();
    const old = this.#socket;
    this.#socket = new Socket(listener);
    this.#combined.add(this.#socket);
    const gone = old.replace().then(() => this.#combined.forget(old));
    this.#gone = Promise.all([this.#gone, gone]);
    // If there is no free place, clients in an old queue go on waiting.
    const { promise: waited, resolve } = Promise.withResolvers<void>();
    const timer = setTimeout(resolve, LONGEST);
    await Promise.race([this.#gone, waited]);
    clearTimeout(timer);
  }

  close(): Promise<void> {
    this.#closed = true;
    return this.#combined.close();
  }

  ref(): void {
    this.#isUnref = false;
    this.#combined.ref();
  }

  unref(): void {
    this.#isUnref = true;
    this.#combined.unref();
  }
}
