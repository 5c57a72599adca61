import type { OpenConnection } from "./serve_options.ts";
import type { Addr } from "./transport.ts";

/** What a server knows of an open connection. */
export interface Served {
  readonly id: number;
  readonly remoteAddr: Addr;
  readonly via: Addr | undefined;
  readonly openedAt: number;
  readonly bytes: number;
  /** Whether bytes have moved since the server last looked. */
  readonly moved: boolean;
  /** When it last looked and bytes had moved. */
  readonly quietSince: number;
}

/** What ends connections. */
export interface Ender<S extends Served> {
  close(served: S): void;
  reset(served: S): void;
}

/**
 * What a program may know of a connection, and do with it. It is a class because a
 * server with many connections makes many at a time.
 */
export class Handle<S extends Served> implements OpenConnection {
  readonly id: number;
  readonly remoteAddr: Addr;
  readonly listenerAddr: Addr;
  declare readonly via?: Addr;
  readonly #served: S;
  readonly #ender: Ender<S>;

  constructor(served: S, listenerAddr: Addr, ender: Ender<S>) {
    this.id = served.id;
    this.remoteAddr = served.remoteAddr;
    this.listenerAddr = listenerAddr;
    if (served.via) this.via = served.via;
    this.#served = served;
    this.#ender = ender;
  }

  get bytes(): number {
    return this.#served.bytes;
  }

  get duration(): number {
    return performance.now() - this.#served.openedAt;
  }

  get idle(): number {
    const { moved, quietSince } = this.#served;
    return moved ? 0 : performance.now() - quietSince;
  }

  close(): void {
    this.#ender.close(this.#served);
  }

  reset(): void {
    this.#ender.reset(this.#served);
  }
}
