import type { RemoteInfo } from "node:dgram";
import { crc32 } from "node:zlib";

/** How many datagrams a sender has sent before it can be suspected. */
const UNSUSPECTED = 1024;
/** How many senders are remembered. */
const SENDERS = 1024;
/** How long a sender must be silent to be forgotten, in milliseconds. */
const MEMORY = 60_000;

interface Sender {
  /** How many datagrams it has sent. */
  count: number;
  heardAt: number;
  /** The count at which the next sample is taken. */
  sampleAt: number;
  /** The checksum of one of its datagrams, to see whether it comes again. */
  sample: number | undefined;
  /** Whether it is an echo service. */
  echoes: boolean;
}

/**
 * Finds the senders that are echo services themselves. One forged datagram is
 * enough to make two of them send it to and fro for ever.
 *
 * By what it sends, such a service cannot be told from a client that sends the
 * same datagram again as soon as it has come back. But a client has no reason to
 * return what it gets from an address that it has never heard of. So whoever has
 * sent more than 1,024 datagrams, and some of them again and again, is sent one
 * of them back from another port as well, and is an echo service if it returns
 * that one too. Who is not sees no more than a datagram from a stranger.
 */
export class EchoServices {
  readonly #senders = new Map<string, Sender>();
  readonly #answers: (bytes: Uint8Array, from: RemoteInfo) => Promise<boolean>;
  #asking = false;

  /** @param answers Whether a sender returns a datagram also to another port. */
  constructor(
    answers: (bytes: Uint8Array, from: RemoteInfo) => Promise<boolean>,
  ) {
    this.#answers = answers;
  }

  /** Takes note of a datagram; says whether its sender is an echo service. */
  note(bytes: Uint8Array, from: RemoteInfo): boolean {
    const sender = this.#senderOf(`${from.address}|${from.port}`);
    sender.count++;
    if (sender.echoes || sender.count < UNSUSPECTED) return sender.echoes;
    const sum = crc32(bytes);
    if (sender.count === sender.sampleAt) {
      // Each sample is kept for twice as long as the one before, so that in the
      // end it comes again, however many datagrams go round.
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
      // It cannot be asked: it stays a client.
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
