import { Client, type ClientOwner } from "./client.ts";
import { InFlight } from "./in_flight.ts";
import { Pattern } from "./pattern.ts";
import type { Seat } from "./seat.ts";
import { type Report, Verifier } from "./verifier.ts";

/** A connection over TCP, TLS or a Unix socket: its bytes come back in their order. */
export class StreamClient extends Client {
  readonly jitter = undefined;
  readonly #verifier: Verifier;
  readonly #inFlight = new InFlight();
  /** The numbers of bytes to send, sent, and in echoed messages. */
  #queued = 0;
  #sent = 0;
  #echoed = 0;
  /** The place of the next byte to send in the pattern. */
  #place: number;

  constructor(
    seat: Seat,
    owner: ClientOwner,
    pattern: Pattern,
    report: Report,
  ) {
    super(seat, owner, pattern, report);
    this.#place = this.start;
    this.#verifier = new Verifier(pattern, this.start, report);
  }

  get sent(): number {
    return this.#sent;
  }

  get inFlight(): number {
    return this.#inFlight.count;
  }

  send(size: number, time: number, now: number): void {
    this.#queued += size;
    this.#inFlight.push(this.#queued, time, now);
    this.flush();
  }

  unsent(since: number): number {
    return this.#inFlight.countAfter(this.#sent, since);
  }

  dropUnsent(): number {
    const before = this.#inFlight.count;
    const queued = this.#inFlight.cut(this.#sent, this.#echoed);
    const dropped = before - this.#inFlight.count;
    // A number from an array would undo the code that is optimised for whole ones.
    if (dropped > 0) this.#queued = queued;
    return dropped;
  }

  /** Nothing: as long as the connection is there, all may still come. */
  giveUp(): void {}

  protected check(chunk: Uint8Array, count: number, now: number): void {
    this.#verifier.receive(chunk, count, this.#sent);
    const received = Math.min(this.#verifier.received, this.#sent);
    while (this.#inFlight.end <= received) {
      const { end, time, sentAt } = this.#inFlight;
      const size = end - this.#echoed;
      this.#echoed = end;
      this.#inFlight.shift();
      if (this.#verifier.isWhole(end)) {
        this.owner.onEcho(this, time, size, now, sentAt);
      } else {
        this.owner.onMissing(this, now);
      }
    }
  }

  protected flush(): void {
    if (!this.socket) return;
    while (this.#sent < this.#queued) {
      const from = this.#place;
      const to = from + Math.min(this.#queued - this.#sent, Pattern.REACH);
      const taken = this.socket.write(this.pattern.bytes, from, to);
      this.#sent += taken;
      this.#place = (from + taken) % Pattern.PERIOD;
      if (taken < to - from) return;
    }
  }

  protected tellMissing(kind?: "truncated" | "late"): void {
    this.#verifier.finish(this.#sent, kind);
  }
}
