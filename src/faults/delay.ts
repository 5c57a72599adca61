import { fill, restOf } from "../core/rest.ts";
import type { Turnstile } from "../core/turnstile.ts";
import type { Connection } from "../core/transport.ts";
import type { Clock } from "./clock.ts";
import { ConnectionDecorator } from "./connection_decorator.ts";
import { DelayLine } from "./delay_line.ts";
import type { Random } from "./random.ts";
import { readAll } from "./read_all.ts";

/** How long to hold bytes back, and how many. */
export interface DelayOptions {
  /** Milliseconds. */
  readonly delay: number;
  /** How much shorter or longer at most, in milliseconds. */
  readonly jitter: number;
  /** Bytes. */
  readonly window: number;
}

/** Returns how long to hold something back, in milliseconds. */
export function timeOf(
  { delay, jitter }: Pick<DelayOptions, "delay" | "jitter">,
  random: Random,
): number {
  return delay + jitter * (2 * random() - 1);
}

/**
 * Gives out what it reads, and the end, only after a delay from when it came, in
 * the same order. It reads on meanwhile, while it holds less than a window.
 */
export class Delay extends ConnectionDecorator {
  readonly #options: DelayOptions;
  readonly #random: Random;
  readonly #turnstile: Turnstile;
  readonly #line: DelayLine;
  #begun = false;
  #failed = false;
  /** Whether the end has been sent, so that nothing is sent back any more. */
  #dropping = false;
  #onRead = () => {};
  /** What is left of a chunk that was larger than the buffer it was read into. */
  #rest: Uint8Array | undefined;

  constructor(
    inner: Connection,
    options: DelayOptions,
    random: Random,
    clock: Clock,
    turnstile: Turnstile,
  ) {
    super(inner);
    this.#options = options;
    this.#random = random;
    this.#turnstile = turnstile;
    this.#line = new DelayLine(options.window, clock);
  }

  override async read(p: Uint8Array): Promise<number | null> {
    // What comes after a failure is the business of the connection alone.
    if (this.#failed) return await this.inner.read(p);
    this.#rest ??= await this.#next();
    if (!this.#rest) return null;
    const count = fill(p, this.#rest);
    this.#rest = restOf(this.#rest, count);
    return count;
  }

  async pipe(onBytes: (count: number) => void): Promise<void> {
    // When bytes come, not when they go on: the peer is not idle meanwhile.
    this.#onRead = () => onBytes(0);
    for (let bytes; (bytes = await this.#next());) {
      try {
        while (bytes.length > 0 && !this.#dropping) {
          const count: number = await this.inner.write(bytes);
          onBytes(count);
          bytes = bytes.subarray(count);
        }
      } catch (error) {
        if (!this.#dropping) throw error;
      }
    }
  }

  protected override stop(): void {
    super.stop();
    this.#line.fail(new Error("Connection closed"));
  }

  protected override stopWriting(): void {
    this.#dropping = true;
    this.#line.flush();
  }

  /** The next bytes that are due; undefined at the end. */
  #next(): Promise<Uint8Array | undefined> {
    if (!this.#begun) {
      this.#begun = true;
      this.#fill();
    }
    return this.#line.next();
  }

  async #fill(): Promise<void> {
    const due = () => performance.now() + timeOf(this.#options, this.#random);
    try {
      await readAll(this.inner, this.#turnstile, (bytes) => {
        this.#onRead();
        if (!this.#dropping) return this.#line.add(bytes.slice(), due());
      });
      this.#line.end(due());
    } catch (error) {
      this.#failed = true;
      this.#line.fail(error);
    }
  }
}
