import type { RemoteInfo } from "node:dgram";
import { crc32 } from "node:zlib";

/** A sender is not suspected before it has sent this many datagrams. */
const UNSUSPECTED = 1024;
/** The number of senders to remember. */
const SENDERS = 1024;
/** A sender that is silent for this long is forgotten, in milliseconds. */
const MEMORY = 60_000;

interface Sender {
  /** How many datagrams it has sent. */
  count: number;
  heardAt: number;
  /** The count at which to take the next sample. */
  sampleAt: number;
  /** The checksum of one of its datagrams, which shows whether it sends the datagram again. */
  sample: number | undefined;
  /** Whether it is an echo service. */
  echoes: boolean;
}

/**
 * Finds the senders that are echo services themselves. One forged datagram is
 * enough to make two echo services send it to each other for ever.
 *
 * An echo service sends the same datagrams as a client that sends a datagram
 * again as soon as it comes back. But a client does not answer an address that it
 * has never sent to. So a sender of more than 1,024 datagrams, some of them
 * repeated, gets one of them back from a second port too. If it answers that
 * port, it is an echo service. A client just sees a datagram from a stranger.
 */
export class EchoServices {
  readonly #senders = new Map<string, Sender>();
  readonly #answers: (bytes: Uint8Array, from: RemoteInfo) => Promise<boolean>;
  #asking = false;

  /** @param answers Reports whether a sender returns a datagram to a second port. */
  constructor(
    answers: (bytes: Uint8Array, from: RemoteInfo) => Promise<boolean>,
  ) {
    this.#answers = answers;
  }

  /** Records a datagram, and reports whether its sender is an echo service. */
  note(bytes: Uint8Array, from: RemoteInfo): boolean {
    const sender = this.#senderOf(`${from.address}|${from.port}`);
    sender.count++;
    if (sender.echoes || sender.count < UNSUSPECTED) return sender.echoes;
    const sum = crc32(bytes);
    if (sender.count === sender.sampleAt) {
      // Each sample is kept twice as long as the one before, so that it comes
      // round in the end, however many datagrams are in the loop.
      sender.sampleAt *= 2;
      sender.sample = sum;
    } else if (sum === sender.sample && !this.#asking) {
      sender.sample = undefined;
      this.#ask(sender, bytes, from);
    }
    return false;
  }

  async #ask(
    sender: Sender,
    bytes: Uint8Array,
    from: RemoteInfo,
  ): Promise<void> {
    this.#asking = true;
    try {
      sender.echoes = await this.#answers(bytes, from);
    } catch {
      // The question failed, so the sender remains a client.
    }
    this.#asking = false;
  }

  #senderOf(name: string): Sender {
    const now = performance.now();
    let sender = this.#senders.get(name);
    if (!sender || now - sender.heardAt > MEMORY) {
      const [oldest] = this.#senders.keys();
      if (this.#senders.size === SENDERS && oldest) {
        this.#senders.delete(oldest);
      }
      sender = {
        count: 0,
        heardAt: now,
        sampleAt: UNSUSPECTED,
        sample: undefined,
        echoes: false,
      };
      this.#senders.set(name, sender);
    }
    sender.heardAt = now;
    return sender;
  }
}
