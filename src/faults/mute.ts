import type { Turnstile } from "../core/turnstile.ts";
import type { Connection } from "../core/transport.ts";
import { ConnectionDecorator } from "./connection_decorator.ts";
import { readAll } from "./read_all.ts";

/** Reads until the peer has ended its side, and answers nothing. */
export class Mute extends ConnectionDecorator {
  readonly #turnstile: Turnstile;

  constructor(inner: Connection, turnstile: Turnstile) {
    super(inner);
    this.#turnstile = turnstile;
  }

  override async read(): Promise<null> {
    await this.pipe(() => {});
    return null;
  }

  pipe(onBytes: (count: number) => void): Promise<void> {
    return readAll(this.inner, this.#turnstile, () => onBytes(0));
  }
}
