import type { Socket, SocketHandler } from "../runtimes/connector.ts";
import { Pattern } from "./pattern.ts";
import type { Seat } from "./seat.ts";
import type { Report } from "./verifier.ts";

/** The distance in the pattern between connections, so that bytes of another one are noticed. */
const STRIDE = 7_919;

/**
 * What happens to datagrams, which no network promises to deliver once and in
 * their order:
 *
 * - `"lost"`: one did not come back in time;
 * - `"unread"`: one came back, and was lost in the client's own receive buffer,
 *   where the system says so;
 * - `"duplicated"`: one came back once more;
 * - `"reordered"`: one came back after a later one.
 */
export type Finding = "lost" | "unread" | "duplicated" | "reordered";

/** Handles the events of a {@linkcode Client}. */
export interface ClientOwner {
  /** Returns the time before which a datagram was sent that is now lost. */
  lostBefore(now: number): number;
  /** Bytes have come back, at the time `now`. */
  onHeard(now: number): void;
  /**
   * A message of `size` bytes, timed from `time` and sent at `sentAt`, has come
   * back at the time `now`.
   */
  onEcho(
    client: Client,
    time: number,
    size: number,
    now: number,
    sentAt: number,
  ): void;
  /** A message has not come back, or not whole, and is not awaited any more. */
  onMissing(client: Client, now: number): void;
  /** Something has happened to a datagram that is timed from `time`. */
  onFinding(finding: Finding, time: number): void;
  /** The connection has ended before it was closed here. */
  onLost(client: Client, error?: Error): void;
}

/** One connection: it sends messages and checks their echoes. */
export abstract class Client implements SocketHandler {
  /** Its place. */
  readonly seat: Seat;
  /** When bytes came back last, or else when it connected; Infinity before. */
  heardAt = Infinity;
  /** The number of bytes it has sent. */
  abstract readonly sent: number;
  /** The number of messages that have not come back yet. */
  abstract readonly inFlight: number;
  protected readonly owner: ClientOwner;
  protected readonly pattern: Pattern;
  protected readonly report: Report;
  /** Its first place in the pattern. */
  protected readonly start: number;
  protected socket: Socket | undefined;

  constructor(
    seat: Seat,
    owner: ClientOwner,
    pattern: Pattern,
    report: Report,
  ) {
    this.seat = seat;
    this.owner = owner;
    this.pattern = pattern;
    this.report = report;
    this.start = seat.id * STRIDE % Pattern.PERIOD;
  }

  /** Sends a message, timed from `time`, at the time `now`. */
  abstract send(size: number, time: number, now: number): void;

  /** Counts the messages timed from `since` on that are not sent completely. */
  abstract unsent(since: number): number;

  /** Forgets the messages of which nothing has been sent; returns how many. */
  abstract dropUnsent(): number;

  /** Over UDP: the jitter of the round trip, in milliseconds; undefined without one. */
  abstract readonly jitter: number | undefined;

  /** Over UDP: gives up the messages that have been waited for long enough. */
  abstract giveUp(now: number): void;

  /** Compares bytes that have come in with those that were sent. */
  protected abstract check(
    chunk: Uint8Array,
    count: number,
    now: number,
  ): void;

  /** Sends the bytes that have not been sent yet, as far as there is room. */
  protected abstract flush(now: number): void;

  /** Reports the bytes that have not come back as `kind`, if it is given. */
  protected abstract tellMissing(kind?: "truncated" | "late"): void;

  /** Sets its connection. */
  attach(socket: Socket): void {
    this.socket = socket;
    this.heardAt = performance.now();
    this.flush(this.heardAt);
  }

  /** Closes the connection. Bytes that have not come back count as `kind`. */
  finish(kind?: "truncated" | "late"): void {
    this.tellMissing(kind);
    this.socket?.close();
    this.socket = undefined;
  }

  onData(chunk: Uint8Array, count: number): void {
    const now = performance.now();
    this.heardAt = now;
    this.owner.onHeard(now);
    this.check(chunk, count, now);
  }

  onDrain(): void {
    this.flush(performance.now());
  }

  onEnd(error?: Error): void {
    this.owner.onLost(this, error);
  }
}
