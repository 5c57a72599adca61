import type { Connection } from "../core/transport.ts";
import type { Clock } from "./clock.ts";
import { ConnectionDecorator } from "./connection_decorator.ts";
import { Pause } from "./pause.ts";

/** How often a piece is written, in milliseconds. */
const BEAT = 20;
/** How far the writes may lag behind and still catch up, in milliseconds. */
const LAG = 50;

/** Writes a number of bytes a second at most, evenly. */
export class Rate extends ConnectionDecorator {
  readonly #rate: number;
  readonly #piece: number;
  readonly #pause: Pause;
  /** When the next piece may be written. */
  #next = performance.now();

  constructor(inner: Connection, rate: number, clock: Clock) {
    super(inner);
    this.#rate = rate;
    this.#piece = Math.max(1, Math.round(rate * BEAT / 1_000));
    this.#pause = new Pause(clock);
  }

  override async write(p: Uint8Array): Promise<number> {
    const now = performance.now();
    if (this.#next > now) await this.#pause.until(this.#next);
    const count = await this.inner.write(p.subarray(0, this.#piece));
    // From when it was due: timers are late, and that must not add up.
    this.#next = Math.max(this.#next, now - LAG) + count * 1_000 / this.#rate;
    return count;
  }

  protected override stopWriting(): void {
    this.#pause.stop();
  }
}
