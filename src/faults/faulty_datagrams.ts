import type { DatagramFaults } from "../core/fault_options.ts";
import { checkDatagramFaults } from "./check_faults.ts";
import { Clock } from "./clock.ts";
import { corruptDatagrams } from "./corrupt_datagrams.ts";
import type { Peer, Send } from "./datagrams.ts";
import { delayDatagrams } from "./delay_datagrams.ts";
import { drop } from "./drop.ts";
import { duplicate } from "./duplicate.ts";
import { WINDOW } from "./faulty_connection.ts";
import { isIn, randomFor } from "./random.ts";
import { reorder } from "./reorder.ts";

/** A way to send datagrams that misbehaves on purpose. */
export interface FaultySender<P extends Peer> {
  readonly send: Send<P>;
  /** Drops what is held back. */
  close(): void;
}

/**
 * Decorates a way to send datagrams. Throws a TypeError or a RangeError if the faults
 * are invalid.
 *
 * @param onDrop Called for each datagram that will not be sent.
 */
export function faultyDatagrams<P extends Peer>(
  send: Send<P>,
  faults: DatagramFaults,
  onDrop: () => void,
): FaultySender<P> {
  checkDatagramFaults(faults);
  const seed = faults.seed ?? Math.floor(Math.random() * 2 ** 32);
  const random = (purpose: string) => randomFor(seed, purpose);
  const clock = new Clock();
  const { delay, jitter = 0, window = WINDOW, share = 100 } = faults;

  // The last one sees a datagram first.
  let faulty = send;
  if (faults.reorder !== undefined) {
    faulty = reorder(faulty, faults.reorder, random("reorder"), clock);
  }
  if (delay !== undefined) {
    const options = { delay, jitter, window };
    faulty = delayDatagrams(faulty, options, random("delay"), clock, onDrop);
  }
  if (faults.duplicate !== undefined) {
    faulty = duplicate(faulty, faults.duplicate, random("duplicate"));
  }
  if (faults.corrupt !== undefined) {
    faulty = corruptDatagrams(faulty, faults.corrupt, random("corrupt"));
  }
  if (faults.drop !== undefined) {
    faulty = drop(faulty, faults.drop, random("drop"), onDrop);
  }
  const isAffected = random("share");
  return {
    send: share === 100
      ? faulty
      : (bytes, to) =>
        isIn(share, isAffected) ? faulty(bytes, to) : send(bytes, to),
    close: () => clock.stop(),
  };
}
