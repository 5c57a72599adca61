import type { StreamFaults } from "../core/fault_options.ts";
import type { Connection } from "../core/transport.ts";
import { Turnstile } from "../core/turnstile.ts";
import { checkStreamFaults } from "./check_faults.ts";
import { Clock } from "./clock.ts";
import { Corrupt } from "./corrupt.ts";
import { EndAfter } from "./end_after.ts";
import { Deaf } from "./deaf.ts";
import { Delay } from "./delay.ts";
import { Mute } from "./mute.ts";
import { isIn, randomFor } from "./random.ts";
import { Rate } from "./rate.ts";
import { Slice } from "./slice.ts";
import { Stall } from "./stall.ts";

/** How many bytes a delay holds by default. */
export const WINDOW = 1024 * 1024;

/**
 * Makes connections misbehave on purpose. It decides which of them, by `share`, and
 * they have one timer together.
 */
export class Faults {
  readonly #faults: StreamFaults;
  readonly #seed: number;
  readonly #clock = new Clock();
  readonly #turnstile = new Turnstile();
  #count = 0;

  /** Throws a TypeError or a RangeError if the faults are invalid. */
  constructor(faults: StreamFaults) {
    checkStreamFaults(faults);
    this.#faults = { ...faults };
    this.#seed = faults.seed ?? Math.floor(Math.random() * 2 ** 32);
  }

  /**
   * Decorates the next connection, or returns it as it is: one that is to be refused
   * always. Throws a TypeError if it is to be reset, and cannot be.
   */
  decorate(connection: Connection): Connection {
    if (connection.refused) return connection;
    const {
      delay,
      jitter = 0,
      window = WINDOW,
      corrupt,
      share = 100,
      rate,
      slice,
      stall,
      after = 0,
      reset = Infinity,
      close = Infinity,
      deaf,
      mute,
    } = this.#faults;
    const number = ++this.#count;
    const random = (purpose: string) => randomFor(this.#seed, number, purpose);
    if (!isIn(share, random("share"))) return connection;

    let faulty = connection;
    // Closest to the connection comes what sees the bytes as they are sent.
    if (reset <= close && reset < Infinity) {
      if (!faulty.reset) {
        throw new TypeError("Cannot reset a connection that has no reset()");
      }
      faulty = new EndAfter(faulty, "reset", reset);
    } else if (close < Infinity) {
      faulty = new EndAfter(faulty, "close", close);
    }
    if (Math.min(reset, close) === 0) return faulty;
    if (deaf) return new Deaf(faulty);
    if (mute) return new Mute(faulty, this.#turnstile);
    if (slice !== undefined) {
      const sizes = typeof slice === "number" ? [slice, slice] as const : slice;
      faulty = new Slice(faulty, sizes, random("slice"), this.#clock);
    }
    if (rate !== undefined) faulty = new Rate(faulty, rate, this.#clock);
    if (stall !== undefined) {
      faulty = new Stall(faulty, stall, after, this.#clock);
    }
    if (corrupt !== undefined) {
      faulty = new Corrupt(faulty, corrupt, random("corrupt"));
    }
    if (delay !== undefined) {
      const options = { delay, jitter, window };
      faulty = new Delay(
        faulty,
        options,
        random("delay"),
        this.#clock,
        this.#turnstile,
      );
    }
    return faulty;
  }
}

/**
 * Decorates a connection so that it misbehaves on purpose.
 *
 * With `delay` or `mute` it has a `pipe` of its own, which {@linkcode echo} takes;
 * otherwise it has none. A connection that is ended by `reset` or `close` rejects
 * with an {@linkcode InjectedFault}.
 *
 * @example
 * ```ts
 * import { echo, faultyConnection, memoryListener } from "@echod/echod";
 *
 * const listener = memoryListener();
 * const { readable, writable } = listener.connect();
 * const connection = await listener.accept();
 * if (!connection) throw new Error("The listener is closed");
 * const echoed = echo(faultyConnection(connection, { delay: 50, slice: 3 }));
 * const writer = writable.getWriter();
 * writer.write(new TextEncoder().encode("Hello World"));
 * const { value } = await readable.getReader().read();
 * console.log(new TextDecoder().decode(value)); // Hel
 * await writer.close();
 * await echoed;
 * ```
 *
 * @throws {TypeError} If a fault is unknown, is of the wrong type, or is `reset`
 * and the connection has no `reset`.
 * @throws {RangeError} If a fault is out of range.
 */
export function faultyConnection(
  connection: Connection,
  faults: StreamFaults,
): Connection {
  return new Faults(faults).decorate(connection);
}
