import type { Connection } from "../core/transport.ts";
import type { Clock } from "./clock.ts";
import { ConnectionDecorator } from "./connection_decorator.ts";
import { Pause } from "./pause.ts";

/** Writes nothing for a while, once: `ms` from when `after` bytes are written. */
export class Stall extends ConnectionDecorator {
  readonly #ms: number;
  readonly #pause: Pause;
  /** How many bytes are left until it stalls. */
  #left: number;
  /** When the stall is over; undefined before it. */
  #end: number | undefined;
  #over = false;

  constructor(inner: Connection, ms: number, after: number, clock: Clock) {
    super(inner);
    this.#ms = ms;
    this.#left = after;
    this.#pause = new Pause(clock);
    if (after === 0) this.#end = performance.now() + ms;
  }

  override async write(p: Uint8Array): Promise<number> {
    if (this.#over) return this.inner.write(p);
    if (this.#end !== undefined) {
      await this.#pause.until(this.#end);
      this.#over = true;
      return this.inner.write(p);
    }
    const count = await this.inner.write(p.subarray(0, this.#left));
    this.#left -= count;
    if (this.#left === 0) this.#end = performance.now() + this.#ms;
    return count;
  }

  protected override stopWriting(): void {
    this.#pause.stop();
  }
}
