/** Lets everything that is ready to run do so: one turn of the real event loop. */
export function settled(): Promise<void> {
  // A timer would wait for a millisecond, which thousands of turns add up.
  return new Promise((resolve) => realSetImmediate(resolve));
}

const realSetImmediate = globalThis.setImmediate;

interface Timer {
  at: number;
  readonly every?: number;
  readonly run: () => void;
}

/**
 * Takes the place of the runtime's timers and of `performance.now` until it is
 * disposed of, and goes on only when told to.
 */
export class FakeClock implements Disposable {
  /** Milliseconds since the clock was made. */
  now = 0;
  readonly #timers = new Map<number, Timer>();
  #immediates: (() => void)[] = [];
  #id = 0;
  readonly #restore: () => void;

  constructor() {
    const { setTimeout, clearTimeout, setInterval, clearInterval } = globalThis;
    const { setImmediate } = globalThis;
    const realNow = performance.now;
    const start = (run: () => void, ms: number, every?: number) => {
      const timer = { at: this.now + ms, run, ...(every && { every }) };
      this.#timers.set(++this.#id, timer);
      return this.#id;
    };
    const clear = (id?: number) => void this.#timers.delete(id ?? 0);
    Object.assign(globalThis, {
      setTimeout: <A extends unknown[]>(
        run: (...args: A) => void,
        ms: number,
        ...args: A
      ) => start(() => run(...args), ms),
      setInterval: (run: () => void, ms: number) => start(run, ms, ms),
      clearTimeout: clear,
      clearInterval: clear,
      setImmediate: (run: () => void) => void this.#immediates.push(run),
    });
    performance.now = () => this.now;
    this.#restore = () => {
      Object.assign(globalThis, {
        setTimeout,
        clearTimeout,
        setInterval,
        clearInterval,
        setImmediate,
      });
      performance.now = realNow;
    };
  }

  /** How many timers are running. */
  get timers(): number {
    return this.#timers.size;
  }

  /** How much is to be run in the next turn of the event loop. */
  get immediates(): number {
    return this.#immediates.length;
  }

  /** Goes on by `ms`, and runs what is due on the way, each at its time. */
  async advance(ms: number): Promise<void> {
    const end = this.now + ms;
    while (await this.next(end));
    this.now = end;
  }

  /** Goes on to the next timer that is due by `end`, if there is one. */
  async next(end = Infinity): Promise<boolean> {
    await settled();
    const at = Math.min(...[...this.#timers.values()].map((timer) => timer.at));
    const due = [...this.#timers].find(([_, timer]) => timer.at === at);
    if (!due || at > end) return false;
    const [id, timer] = due;
    this.now = at;
    if (timer.every) timer.at += timer.every;
    else this.#timers.delete(id);
    timer.run();
    await settled();
    return true;
  }

  /** Lets time pass in which the event loop does not turn. */
  stall(ms: number): void {
    this.now += ms;
    for (const timer of this.#timers.values()) {
      timer.at = Math.max(timer.at, this.now);
    }
  }

  /** Goes through one turn of the event loop. */
  turn(): void {
    for (const run of this.#immediates.splice(0)) run();
  }

  [Symbol.dispose](): void {
    this.#restore();
  }
}
