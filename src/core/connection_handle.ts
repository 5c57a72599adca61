import type { OpenConnection } from "./serve_options.ts";
import type { Session } from "./session.ts";
import type { Addr } from "./transport.ts";

/**
 * What a program may know of a connection, and do with it. It is a class because a
 * server with many connections makes many at a time.
 */
export class Handle implements OpenConnection {
  readonly id: number;
  readonly remoteAddr: Addr;
  readonly listenerAddr: Addr;
  declare readonly via?: Addr;
  readonly #session: Session;

  constructor(session: Session, listenerAddr: Addr) {
    this.id = session.id;
    this.remoteAddr = session.remoteAddr;
    this.listenerAddr = listenerAddr;
    if (session.via) this.via = session.via;
    this.#session = session;
  }

  get bytes(): number {
    return this.#session.bytes;
  }

  get duration(): number {
    return performance.now() - this.#session.openedAt;
  }

  get idle(): number {
    const { moved, quietSince } = this.#session;
    return moved ? 0 : performance.now() - quietSince;
  }

  close(): void {
    this.#session.finish("closed");
  }

  reset(): void {
    this.#session.reset();
  }
}
