import type { Alarm, Clock } from "./clock.ts";

/** What each chunk costs beside its bytes, in bytes. */
export const CHUNK_COST = 128;

interface Chunk {
  /** Undefined for the end. */
  readonly bytes: Uint8Array | undefined;
  /** When it leaves, in the time of `performance.now()`. */
  readonly due: number;
  next: Chunk | undefined;
}

/** Chunks that leave in the order in which they came, none before it is due. */
export class DelayLine {
  readonly #window: number;
  readonly #clock: Clock;
  #first: Chunk | undefined;
  #last: Chunk | undefined;
  #held = 0;
  #failure: { readonly error: unknown } | undefined;
  #waiting: PromiseWithResolvers<Uint8Array | undefined> | undefined;
  /** Set while something waits for the first chunk. */
  #alarm: Alarm | undefined;
  #onRoom = () => {};

  /** @param window How many bytes to hold before `add` waits. */
  constructor(window: number, clock: Clock) {
    this.#window = window;
    this.#clock = clock;
  }

  /** Adds a chunk. Returns a promise of room for another one, if there is none. */
  add(bytes: Uint8Array, due: number): Promise<void> | undefined {
    this.#held += bytes.length + CHUNK_COST;
    this.#append({ bytes, due, next: undefined });
    if (this.#held < this.#window) return;
    return new Promise((resolve) => this.#onRoom = resolve);
  }

  /** Adds the end. */
  end(due: number): void {
    this.#append({ bytes: undefined, due, next: undefined });
  }

  /** The next chunk, once it is due; undefined at the end. One call at a time. */
  next(): Promise<Uint8Array | undefined> {
    const waiting = Promise.withResolvers<Uint8Array | undefined>();
    this.#waiting = waiting;
    this.#serve();
    return waiting.promise;
  }

  /** Drops what is held. */
  flush(): void {
    if (this.#alarm) this.#clock.clear(this.#alarm);
    this.#alarm = undefined;
    this.#first = this.#last = undefined;
    this.#held = 0;
    this.#onRoom();
  }

  /** Drops what is held, and lets `next` reject from now on. */
  fail(error: unknown): void {
    this.#failure ??= { error };
    this.flush();
    this.#serve();
  }

  #append(chunk: Chunk): void {
    if (this.#last) this.#last.next = chunk;
    else this.#first = chunk;
    this.#last = chunk;
    this.#serve();
  }

  /** Gives the first chunk to its reader, now or when it is due. */
  #serve(): void {
    const waiting = this.#waiting;
    const first = this.#first;
    if (!waiting) return;
    if (this.#failure) {
      this.#waiting = undefined;
      waiting.reject(this.#failure.error);
    } else if (first && !this.#alarm) {
      if (!this.#clock.isDue(first.due)) {
        this.#alarm = this.#clock.set(first.due, () => {
          this.#alarm = undefined;
          this.#serve();
        });
        return;
      }
      this.#waiting = undefined;
      this.#take(first);
      waiting.resolve(first.bytes);
    }
  }

  #take({ bytes, next }: Chunk): void {
    // The end stays, for a second call.
    if (!bytes) return;
    this.#first = next;
    if (!next) this.#last = undefined;
    this.#held -= bytes.length + CHUNK_COST;
    if (this.#held < this.#window) this.#onRoom();
  }
}
