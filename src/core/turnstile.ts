/** How many connections may be hot at the same time. */
const WIDTH = 64;

/**
 * How many turns of the event loop a place may be held for while others wait.
 * Under load Deno asks the system what has become readable every 61 turns at
 * the latest; whoever has not read by the turn 80 has had nothing to read.
 */
const TURNS = 80;

/** One connection's dealings with the {@linkcode Turnstile}. */
export class Ticket {
  /** Whether it has a place. */
  hot = false;
  /** The turn in which it took the place. */
  since = 0;
  /** Lets it in; set while it waits in line. */
  admit: (() => void) | undefined;
  /** Who comes next in line. */
  next: Ticket | undefined;
}

/**
 * Decides which connections may read next when many are busy.
 *
 * A runtime's event loop has a budget of operations a turn (128 on Deno; an
 * echo takes two) and puts off what is over it until after the input that has
 * become ready meanwhile. Left alone, a few connections then go round and round
 * while the rest starve. So only 64 connections may be hot at the same time,
 * that is, between having echoed and their next read being done: whoever has
 * echoed takes a place before it reads again, or waits in line. The place goes
 * to the first in line when the read is done, or when the peer turns out to
 * have gone quiet.
 */
export class Turnstile {
  readonly #hot = new Set<Ticket>();
  #members = 0;
  #first: Ticket | undefined;
  #last: Ticket | undefined;
  #turn = 0;
  #counting = false;

  /** Whether there are so many connections that each has to take a place. */
  get crowded(): boolean {
    return this.#members > WIDTH;
  }

  /** Announces a connection. It starts without a place: its first read is free. */
  join(): Ticket {
    this.#members++;
    return new Ticket();
  }

  /** Takes leave of a connection that is not waiting in line. */
  part(ticket: Ticket): void {
    this.#members--;
    if (ticket.hot) this.leave(ticket);
  }

  /** Takes a place: at once if one is free, else when the promise resolves. */
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

  /** Gives a place back, to the first in line. */
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
    // A set keeps the order of insertion: those who came in first come first.
    for (const ticket of this.#hot) {
      if (!this.#first || this.#turn - ticket.since < TURNS) return;
      this.leave(ticket);
    }
  }
}
