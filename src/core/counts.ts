import { formatEndpoint } from "./format_addr.ts";
import type { CloseReason, RefuseReason } from "./serve_options.ts";
import type { Addr, Datagrams } from "./transport.ts";

/** The upper bounds of {@linkcode Durations}, in seconds. */
const BOUNDS: readonly number[] = [0.001, 0.01, 0.1, 1, 10, 60, 600, 3600];

/** The numbers of one listener of a server. */
export interface EndpointStats {
  /** Its address. */
  readonly addr: Addr;
  /** Connections accepted, not counting refused ones. */
  readonly accepted: number;
  /** Connections open now. */
  readonly active: number;
  /** Bytes echoed, including those of open connections and of datagrams. */
  readonly bytes: number;
  /** Datagrams, only of UDP. */
  readonly datagrams?: Datagrams;
}

/** How long the connections that have ended were open. */
export interface Durations {
  /** The upper bounds of the buckets, in seconds, ascending; the last one has none. */
  readonly bounds: readonly number[];
  /** The connections in each bucket: one number more than there are bounds. */
  readonly counts: readonly number[];
  /** All durations together, in seconds. */
  readonly sum: number;
}

/** The numbers of a server that several servers can add up. */
export interface Sums {
  /** Connections accepted, not counting refused ones. */
  readonly accepted: number;
  /** Clients refused by `admit`, `maxConnectionsPerHost` or a listener. */
  readonly refused: number;
  /** The same, by reason. */
  readonly refusedBy: Readonly<Record<RefuseReason, number>>;
  /** Connections open now. */
  readonly active: number;
  /** Connections that ended with an error, including resets. */
  readonly failed: number;
  /** Connections that have ended, by reason. */
  readonly closedBy: Readonly<Record<CloseReason, number>>;
  /** How long the connections that have ended were open. */
  readonly durations: Durations;
  /** Bytes echoed, including those of open connections. */
  readonly bytes: number;
  /** Datagrams, only if UDP is served. `bytes` includes theirs. */
  readonly datagrams?: Datagrams;
  /**
   * Connections that wait for their turn to read. On Deno, more than 64 busy ones
   * take turns; on the other runtimes it is always 0.
   */
  readonly waiting: number;
  /** The numbers of each listener, in the order in which they were given. */
  readonly endpoints: readonly EndpointStats[];
}

/** Where the numbers of a server lie in its memory. */
const REFUSED: Readonly<Record<RefuseReason, number>> = {
  "denied": 0,
  "per-host": 1,
  "proxy": 2,
};
const CLOSED: Readonly<Record<CloseReason, number>> = {
  eof: 3,
  reset: 4,
  handshake: 5,
  idle: 6,
  lifetime: 7,
  limit: 8,
  fault: 9,
  closed: 10,
  shutdown: 11,
  error: 12,
};
const DURATION = 13;
const WAITING = 14;
const DURATIONS = WAITING + 1;
const ENDPOINTS = DURATIONS + BOUNDS.length + 1;
/** Where the numbers of an endpoint lie among its own. */
const ACCEPTED = 0;
const ACTIVE = 1;
const BYTES = 2;
const ECHOED = 3;
const DROPPED = 4;
const DATAGRAM_BYTES = 5;
const FIELDS = 6;

/**
 * The counts of a server, all in one piece of memory. When that is shared, another
 * thread can read them at any time, even after the server's own has died.
 */
export class Counts {
  /** The numbers. Reading one while it is written gives the old or the new one. */
  readonly numbers: Float64Array;
  /** What the server that had the memory before has left in it. */
  readonly #past: Float64Array;

  /** @param memory Memory of {@linkcode Counts.sizeFor} bytes. */
  constructor(memory: ArrayBufferLike) {
    this.numbers = new Float64Array(memory);
    this.#past = this.numbers.slice();
  }

  /** Returns how much memory the counts of so many endpoints take, in bytes. */
  static sizeFor(endpoints: number): number {
    return (ENDPOINTS + endpoints * FIELDS) * Float64Array.BYTES_PER_ELEMENT;
  }

  /** Counts a refused client. */
  refuse(reason: RefuseReason): void {
    this.#add(REFUSED[reason], 1);
  }

  /** Counts a connection that has been accepted. */
  open(endpoint: number): void {
    this.#add(at(endpoint, ACCEPTED), 1);
    this.#add(at(endpoint, ACTIVE), 1);
  }

  /** Counts a connection that has ended; `duration` is in milliseconds. */
  close(endpoint: number, reason: CloseReason, duration: number): void {
    const seconds = duration / 1000;
    const bucket = BOUNDS.findIndex((bound) => seconds <= bound);
    this.#add(at(endpoint, ACTIVE), -1);
    this.#add(CLOSED[reason], 1);
    this.#add(DURATIONS + (bucket < 0 ? BOUNDS.length : bucket), 1);
    this.#add(DURATION, seconds);
  }

  /** Returns the index of the number of bytes that an endpoint's connections have echoed. */
  bytesAt(endpoint: number): number {
    return at(endpoint, BYTES);
  }

  /** Takes over the counts of an endpoint's datagrams, which it counts itself. */
  setDatagrams(
    endpoint: number,
    { echoed, dropped, bytes }: Datagrams,
  ): void {
    for (const [index, count] of [echoed, dropped, bytes].entries()) {
      const place = at(endpoint, ECHOED + index);
      this.numbers[place] = (this.#past[place] ?? 0) + count;
    }
  }

  /** Says how many connections wait for their turn. */
  setWaiting(count: number): void {
    this.numbers[WAITING] = count;
  }

  /** Counts the connections of a server that has died as ended by an error. */
  bury(): void {
    let died = 0;
    for (
      let active = at(0, ACTIVE);
      active < this.numbers.length;
      active += FIELDS
    ) {
      died += this.#get(active);
      this.numbers[active] = 0;
    }
    this.#add(CLOSED.error, died);
    this.setWaiting(0);
  }

  /** Returns a snapshot; the endpoints have these addresses. */
  read(addrs: readonly Addr[]): Sums {
    const endpoints = addrs.map((addr, index) => this.#endpoint(addr, index));
    const refusedBy = this.#readAll(REFUSED);
    const closedBy = this.#readAll(CLOSED);
    const datagrams = sumDatagrams(endpoints);
    return {
      accepted: sumOf(endpoints, ({ accepted }) => accepted),
      refused: sumOf(Object.values(refusedBy), (count) => count),
      refusedBy,
      active: sumOf(endpoints, ({ active }) => active),
      failed: closedBy.reset + closedBy.handshake + closedBy.error,
      closedBy,
      durations: {
        bounds: BOUNDS,
        counts: [...this.numbers.subarray(DURATIONS, ENDPOINTS)],
        sum: this.#get(DURATION),
      },
      bytes: sumOf(endpoints, ({ bytes }) => bytes),
      ...(datagrams && { datagrams }),
      waiting: this.#get(WAITING),
      endpoints,
    };
  }

  /** Adds the counts of another server, whose endpoints have these indexes here. */
  add(other: Counts, endpoints: readonly number[]): void {
    const { numbers } = other;
    for (let index = 0; index < ENDPOINTS; index++) {
      this.#add(index, numbers[index] ?? 0);
    }
    for (const [from, to] of endpoints.entries()) {
      for (let field = 0; field < FIELDS; field++) {
        this.#add(at(to, field), numbers[at(from, field)] ?? 0);
      }
    }
  }

  #endpoint(addr: Addr, index: number): EndpointStats {
    const get = (field: number) => this.#get(at(index, field));
    const datagrams = {
      echoed: get(ECHOED),
      dropped: get(DROPPED),
      bytes: get(DATAGRAM_BYTES),
    };
    return {
      addr,
      accepted: get(ACCEPTED),
      active: get(ACTIVE),
      bytes: get(BYTES) + datagrams.bytes,
      ...(addr.transport === "udp" && { datagrams }),
    };
  }

  #readAll<R extends string>(
    places: Record<R, number>,
  ): Record<R, number> {
    const counts = { ...places };
    for (const reason in places) counts[reason] = this.#get(places[reason]);
    return counts;
  }

  #get(index: number): number {
    return this.numbers[index] ?? 0;
  }

  #add(index: number, count: number): void {
    this.numbers[index] = this.#get(index) + count;
  }
}

/** The index of a number of an endpoint. */
function at(endpoint: number, field: number): number {
  return ENDPOINTS + endpoint * FIELDS + field;
}

/** The counts of a server, and the addresses of its endpoints. */
export interface AddressedCounts {
  readonly addrs: readonly Addr[];
  readonly counts: Counts;
}

/** Adds up the numbers of several servers, endpoint by endpoint. */
export function sumCounts(all: readonly AddressedCounts[]): Sums {
  const addrs = new Map<string, Addr>();
  for (const addr of all.flatMap(({ addrs }) => addrs)) {
    addrs.set(formatEndpoint(addr), addr);
  }
  const names = [...addrs.keys()];
  const sum = new Counts(new ArrayBuffer(Counts.sizeFor(names.length)));
  for (const { addrs, counts } of all) {
    const indexes = addrs.map((addr) => names.indexOf(formatEndpoint(addr)));
    sum.add(counts, indexes);
  }
  return sum.read([...addrs.values()]);
}

/** Adds up counts of datagrams. Returns undefined if there are none. */
export function sumDatagrams(
  all: readonly { readonly datagrams?: Datagrams | undefined }[],
): Datagrams | undefined {
  const counts = all.flatMap(({ datagrams }) => datagrams ?? []);
  if (counts.length === 0) return undefined;
  return {
    echoed: sumOf(counts, ({ echoed }) => echoed),
    dropped: sumOf(counts, ({ dropped }) => dropped),
    bytes: sumOf(counts, ({ bytes }) => bytes),
  };
}

function sumOf<T>(all: readonly T[], count: (one: T) => number): number {
  return all.reduce((sum, one) => sum + count(one), 0);
}
