import { readFileSync } from "node:fs";

/** The tables of UDP sockets, of Linux. */
export const UDP_TABLES: readonly string[] = [
  "/proc/net/udp",
  "/proc/net/udp6",
];
/** For how long what was read counts as new, in milliseconds. */
const FRESH = 50;

/** What the system says of its UDP sockets, by their local ports. */
export class UdpTable {
  /** How many datagrams each has dropped because its receive buffer was full. */
  #drops = new Map<number, number>();
  #readAt = -Infinity;
  #isKnown = false;
  readonly #read: () => string;

  constructor(
    read: () => string = () =>
      UDP_TABLES.map((path) => readFileSync(path, "latin1")).join(""),
  ) {
    this.#read = read;
  }

  /** Returns how many datagrams the socket on a port has dropped; undefined if it is not known. */
  drops(port: number): number | undefined {
    this.#refresh();
    return this.#drops.get(port);
  }

  /** Reports whether it is known that no socket has a port. */
  isFree(port: number): boolean {
    this.#readAt = -Infinity;
    this.#refresh();
    return this.#isKnown && !this.#drops.has(port);
  }

  #refresh(): void {
    const now = performance.now();
    if (now - this.#readAt < FRESH) return;
    this.#readAt = now;
    this.#drops = new Map();
    this.#isKnown = false;
    try {
      const lines = this.#read().split("\n");
      this.#isKnown = true;
      for (const line of lines) {
        const match = /^ *\d+: \w+:(\w{4}) .* (\d+) *$/.exec(line);
        const [, port, drops] = match ?? [];
        if (port === undefined) continue;
        this.#drops.set(parseInt(port, 16), Number(drops));
      }
    } catch {
      // Not Linux, or it may not be read.
    }
  }
}
