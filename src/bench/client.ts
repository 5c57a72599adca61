import type { Socket, SocketHandler } from "../runtimes/connector.ts";
import { InFlight } from "./in_flight.ts";
import { Pattern } from "./pattern.ts";
import { type Report, Verifier } from "./verifier.ts";

/** The distance in the pattern between connections, so that bytes of another one are noticed. */
const STRIDE = 7_919;

/** Handles the events of a {@linkcode Client}. */
export interface ClientOwner {
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
  /** The connection has ended before it was closed here. */
  onLost(client: Client, error?: Error): void;
}

/** One connection: it sends messages and checks their echoes. */
export class Client implements SocketHandler {
  /** Its number. */
  readonly id: number;
  /** How many of its messages have come back: of the warm-up, and of those that count. */
  readonly messages: [number, number] = [0, 0];
  /** When something came back last, or else it was connected; Infinity before. */
  heardAt = Infinity;
  readonly #owner: ClientOwner;
  readonly #pattern: Pattern;
  readonly #verifier: Verifier;
  readonly #inFlight = new InFlight();
  #socket: Socket | undefined;
  /** How many bytes are to be sent, are sent, and have been in echoed messages. */
  #queued = 0;
  #sent = 0;
  #echoed = 0;
  /** The place of the next byte to send in the pattern. */
  #place: number;

  constructor(
    id: number,
    owner: ClientOwner,
    pattern: Pattern,
    report: Report,
  ) {
    this.id = id;
    this.#owner = owner;
    this.#pattern = pattern;
    this.#place = id * STRIDE % Pattern.PERIOD;
    this.#verifier = new Verifier(pattern, this.#place, report);
  }

  /** The number of bytes it has sent. */
  get sent(): number {
    return this.#sent;
  }

  /** The number of messages that have not come back yet. */
  get inFlight(): number {
    return this.#inFlight.count;
  }

  /** The start time of the oldest of them; Infinity if there is none. */
  get waitingSince(): number {
    return this.#inFlight.time;
  }

  /** Sets its connection. */
  attach(socket: Socket): void {
    this.#socket = socket;
    this.heardAt = performance.now();
    this.#flush();
  }

  /** Sends a message, timed from `time`, at the time `now`. */
  send(size: number, time: number, now: number): void {
    this.#queued += size;
    this.#inFlight.push(this.#queued, time, now);
    this.#flush();
  }

  /** Gives up the oldest message. */
  giveUp(): void {
    this.#echoed = this.#inFlight.end;
    this.#verifier.giveUp(this.#echoed);
    this.#inFlight.shift();
  }

  /** Closes the connection. Bytes that have not come back count as `kind`. */
  finish(kind?: "truncated" | "late"): void {
    this.#socket?.close();
    this.#socket = undefined;
    this.#verifier.finish(this.#sent, kind);
  }

  onData(chunk: Uint8Array, count: number): void {
    const now = performance.now();
    this.heardAt = now;
    this.#owner.onHeard(now);
    this.#verifier.receive(chunk, count, this.#sent);
    const received = Math.min(this.#verifier.received, this.#sent);
    while (this.#inFlight.end <= received) {
      const { end, time, sentAt } = this.#inFlight;
      const size = end - this.#echoed;
      this.#echoed = end;
      this.#inFlight.shift();
      this.#owner.onEcho(this, time, size, now, sentAt);
    }
  }

  onDrain(): void {
    this.#flush();
  }

  onEnd(error?: Error): void {
    this.#owner.onLost(this, error);
  }

  #flush(): void {
    if (!this.#socket) return;
    while (this.#sent < this.#queued) {
      const from = this.#place;
      const to = from + Math.min(this.#queued - this.#sent, Pattern.REACH);
      const taken = this.#socket.write(this.#pattern.bytes, from, to);
      this.#sent += taken;
      this.#place = (from + taken) % Pattern.PERIOD;
      if (taken < to - from) return;
    }
  }
}
