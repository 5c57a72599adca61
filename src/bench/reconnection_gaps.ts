import { Histogram, type HistogramData } from "./histogram.ts";
import type { Seat } from "./seat.ts";

/** What is known of the connections that have ended and were to be opened again. */
export interface GapFigures {
  /** How many were cut. */
  readonly cut: number;
  /** How many messages were in flight then, and have not come back. */
  readonly inFlight: number;
  /** How many have had no echo since. */
  readonly open: number;
  /** For how long the others had none. */
  readonly times: HistogramData;
}

/** The gaps of connections that end and are opened again: from the end to the next echo. */
export class Gaps {
  readonly #since = new Map<Seat, number>();
  readonly #times = new Histogram();
  #cut = 0;
  #inFlight = 0;

  /** A connection has ended. If it had no echo since the last time, that gap goes on. */
  begin(seat: Seat, inFlight: number, now: number): void {
    this.#inFlight += inFlight;
    if (this.#since.has(seat)) return;
    this.#since.set(seat, now);
    this.#cut++;
  }

  /** A message has come back. */
  end(seat: Seat, now: number): void {
    const since = this.#since.get(seat);
    if (since === undefined) return;
    this.#since.delete(seat);
    this.#times.record(now - since);
  }

  /** Reports whether a connection has had no echo since it has ended. */
  isOpen(seat: Seat): boolean {
    return this.#since.has(seat);
  }

  /** Forgets what was before; of the gaps that are open it counts the rest. */
  count(): void {
    const now = performance.now();
    for (const seat of this.#since.keys()) this.#since.set(seat, now);
    this.#cut = this.#since.size;
    this.#inFlight = 0;
    this.#times.reset();
  }

  /** Returns the figures so far. */
  figures(): GapFigures {
    return {
      cut: this.#cut,
      inFlight: this.#inFlight,
      open: this.#since.size,
      times: this.#times.data(),
    };
  }
}
