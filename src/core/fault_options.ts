/** Faults that streams and datagrams have in common. */
export interface CommonFaults {
  /**
   * Holds each echo back for this long, in milliseconds: more than 0, at most
   * 2,147,483,647. What comes later is delayed from when it came, so a client that
   * does not wait for its echo keeps its throughput, up to `window` in each `delay`.
   */
  readonly delay?: number | undefined;
  /**
   * How much shorter or longer than `delay` each echo is held back, in
   * milliseconds: at random, up to this much, which is at most `delay`. A
   * connection keeps the order of its bytes, datagrams do not keep theirs.
   *
   * @default {0}
   */
  readonly jitter?: number | undefined;
  /**
   * How many bytes `delay` holds at most, at least 1: of one connection, which is
   * not read from meanwhile, or of all datagrams, of which further ones are
   * dropped. Each read and each datagram counts as 128 bytes more than it has.
   *
   * @default {1048576}
   */
  readonly window?: number | undefined;
  /** The share of reads, or of datagrams, in which one bit is flipped, in percent. */
  readonly corrupt?: number | undefined;
  /**
   * The share of connections, or of datagrams, that are affected, in percent; the
   * others are clean.
   *
   * @default {100}
   */
  readonly share?: number | undefined;
  /**
   * Where the random numbers begin, a whole number from 0 to 4,294,967,295: with
   * the same one, the same connections, reads and datagrams are affected again.
   * Counted from the first one of the listener. Another each time by default.
   */
  readonly seed?: number | undefined;
}

/** Faults of a Unix socket's connections; those of TCP and TLS have `reset` too. */
export interface UnixFaults extends CommonFaults {
  /** How many bytes are sent back in a second at most, at least 1. */
  readonly rate?: number | undefined;
  /**
   * The size of the pieces in which the echo is sent, each a segment of its own, in
   * bytes, at least 1; or the smallest and the largest one, between which each
   * piece is of a random size.
   */
  readonly slice?: number | readonly [least: number, most: number] | undefined;
  /**
   * How long nothing is echoed, in milliseconds: more than 0, at most
   * 2,147,483,647. Once for each connection.
   */
  readonly stall?: number | undefined;
  /**
   * After how many echoed bytes `stall` begins.
   *
   * @default {0}
   */
  readonly after?: number | undefined;
  /** After how many echoed bytes the connection is ended in good order; 0: at once. */
  readonly close?: number | undefined;
  /** Never reads, so that the client can soon send nothing more. */
  readonly deaf?: boolean | undefined;
  /** Reads, and never answers. */
  readonly mute?: boolean | undefined;
}

/**
 * Faults of connections. They work together, in this order: `share` decides on the
 * whole connection, `close` and `reset` of 0 end it; otherwise `deaf`, `mute`,
 * `corrupt`, `delay`, `stall`, `rate`, `slice`, and `close` and `reset`, which count
 * what is sent in the end.
 */
export interface StreamFaults extends UnixFaults {
  /**
   * After how many echoed bytes the connection is reset, once these have reached
   * the client; 0: at once. On Deno it makes `listen` use `node:net`.
   */
  readonly reset?: number | undefined;
}

/**
 * Faults of datagrams. They work together, in this order: `share`, `drop`,
 * `corrupt`, `duplicate`, `delay`, `reorder`.
 */
export interface DatagramFaults extends CommonFaults {
  /** The share of datagrams that are not sent back, in percent. */
  readonly drop?: number | undefined;
  /** The share of datagrams that are sent back twice, in percent. */
  readonly duplicate?: number | undefined;
  /**
   * The share of datagrams that are sent back after the next one of the same
   * client, in percent; or 100 ms later, if none follows.
   */
  readonly reorder?: number | undefined;
}
