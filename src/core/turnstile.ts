/** The number of connections that may be hot at the same time. */
const WIDTH = 64;

/**
 * The number of turns of the event loop for which a connection may hold a place
 * while others wait. Under load Deno polls for readable sockets at least every 61
 * turns, so a connection that has not read after 80 turns has nothing to read.
 */
const TURNS = 80;

/** The state of one connection in the {@linkcode Turnstile}. */
export class Ticket {
  /** Whether it holds a place. */
  hot = false;
  /** The turn in which it took the place. */
  since = 0;
  /** Ends its wait; set while it waits in line. */
  admit: (() => void) | undefined;
  /** The next in line. */
  next: Ticket | undefined;
}

/**
 * Decides which connections may read next when many are busy.
 *
 * The event loop of a runtime has a budget of operations per turn (128 on Deno; an
 * echo takes two). What exceeds it is put behind the input that has become ready
 * in the meantime. Left alone, a few connections then take all turns, and the
 * others starve. So at most 64 connections may be hot, that is, between an echo
 * and the end of their next read. After an echo, a connection takes a place before
 * it reads again, or waits in line. It passes the place to the first in line when
 * its read is done, or when its peer has gone quiet.
 */
export class Turnstile {
  readonly #hot = new Set<Ticket>();
  #members = 0;
  #first: Ticket | undefined;
  #last: Ticket | undefined;
  #turn = 0;
  #counting = false;

  /** Whether there are so many connections that each must take a place. */
  get crowded(): boolean {
    return this.#members > WIDTH;
  }

  /** How many wait in line. */
  get waiting(): number {
    let count = 0;
    for (let one = this.#first; one; one = one.next) count++;
    return count;
  }

  /** Adds a connection. It starts without a place: its first read is free. */
  join(): Ticket {
    this.#members++;
    return new Ticket();
  }

  /** Removes a connection that is not waiting in line. */
  part(ticket: Ticket): void {
    this.#members--;
    if (ticket.hot) this.leave(ticket);
  }

  /** Takes a place: at once if one is free, otherwise when the promise resolves. */
  enter(ticket: Ticket): Promise<void> | undefined {
    if (this.#hot.size < WIDTH) {
      this.#admit(ticket);
      return;
    }
    if (this.#last) this.#last.next = ticket;
    else this.#first = ticket;
    this.#last = ticket;
    this.#countTurns();
    return new Promise((admit) => ticket.admit = admit);
  }

  /** Passes a place to the first in line. */
  leave(ticket: Ticket): void {
    ticket.hot = false;
    this.#hot.delete(ticket);
    const next = this.#first;
    if (!next) return;
    this.#first = next.next;
    if (!this.#first) this.#last = undefined;
    next.next = undefined;
    this.#admit(next);
  }

  #admit(ticket: Ticket): void {
    ticket.hot = true;
    ticket.since = this.#turn;
    this.#hot.add(ticket);
    ticket.admit?.();
    ticket.admit = undefined;
  }

  #countTurns(): void {
    if (this.#counting) return;
    this.#counting = true;
    setImmediate(() => {
      this.#counting = false;
      this.#turn++;
      this.#evictQuiet();
      if (this.#first) this.#countTurns();
    });
  }

  #evictQuiet(): void {
    // A set keeps the order of insertion, so the oldest place comes first.
    for (const ticket of this.#hot) {
      if (!this.#first || this.#turn - ticket.since < TURNS) return;
      this.leave(ticket);
    }
  }
}
