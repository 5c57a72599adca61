/**
 * What can go wrong with an echo. Of the bytes that were sent some
 *
 * - `"altered"`: came back with another value;
 * - `"dropped"`: did not come back, although later ones did;
 * - `"reordered"`: came back after later ones;
 * - `"repeated"`: came back once more;
 * - `"truncated"`: had not come back when the server ended the connection;
 * - `"late"`: had not come back when they were waited for no longer.
 *
 * Datagrams that are lost, repeated or reordered as a whole are no faults.
 *
 * Bytes that were not sent were
 *
 * - `"prefixed"`: before everything else;
 * - `"inserted"`: anywhere else.
 *
 * And a connection
 *
 * - `"failed"`: could not be opened, or ended before its time.
 */
export type FaultKind =
  | "altered"
  | "dropped"
  | "reordered"
  | "repeated"
  | "truncated"
  | "late"
  | "prefixed"
  | "inserted"
  | "failed";

/** A fault that was found. */
export interface Fault {
  /** Its kind. */
  readonly kind: FaultKind;
  /** The number of the connection, counted from 1. */
  readonly connection: number;
  /** Where, in bytes from the beginning of what that connection sent. */
  readonly offset: number;
  /** The number of bytes, or 1 for a connection. */
  readonly count: number;
  /** Why, for a connection that failed. */
  readonly reason?: string;
}

/** All faults: how many of each kind, and the first of each. */
export class Faults {
  /** The number of bytes or connections, by kind. */
  readonly counts: Map<FaultKind, number> = new Map();
  /** The first of each kind. */
  readonly first: Map<FaultKind, Fault> = new Map();

  /** The number of faults of all kinds. */
  get total(): number {
    return [...this.counts.values()].reduce((sum, count) => sum + count, 0);
  }

  /** Adds a fault. */
  add(fault: Fault): void {
    const { kind, connection, offset, count } = fault;
    this.counts.set(kind, (this.counts.get(kind) ?? 0) + count);
    const first = this.first.get(kind);
    if (!first) {
      this.first.set(kind, fault);
    } else if (
      connection === first.connection && offset === first.offset + first.count
    ) {
      // It continues the first fault.
      this.first.set(kind, { ...first, count: first.count + count });
    }
  }
}
