import type { Connection } from "../core/transport.ts";
import { ConnectionDecorator } from "./connection_decorator.ts";

/** Never reads: a read is pending until the connection is closed. */
export class Deaf extends ConnectionDecorator {
  readonly #closed = Promise.withResolvers<never>();

  constructor(inner: Connection) {
    super(inner);
    // Each read reports it.
    this.#closed.promise.catch(() => {});
  }

  override read(): Promise<never> {
    return this.#closed.promise;
  }

  protected override stop(): void {
    super.stop();
    this.#closed.reject(new Error("Connection closed"));
  }
}
