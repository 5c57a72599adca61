import type { Alarm, Clock } from "./clock.ts";
import type { Peer, Send } from "./datagrams.ts";
import { isIn, type Random } from "./random.ts";

/** How long to wait for the next datagram, in milliseconds. */
const PATIENCE = 100;
/** How many clients may have a datagram that waits. */
const CLIENTS = 1024;

interface Waiting {
  readonly alarm: Alarm;
  send(): void;
}

/**
 * Sends a share of the datagrams, in percent, only after the next one to the same
 * client, or after a while, if there is none.
 */
export function reorder<P extends Peer>(
  send: Send<P>,
  share: number,
  random: Random,
  clock: Clock,
): Send<P> {
  const all = new Map<string, Waiting>();
  return (bytes, to) => {
    const isChosen = isIn(share, random);
    const client = `${to.address}|${to.port}`;
    const waiting = all.get(client);
    if (waiting) {
      clock.clear(waiting.alarm);
      send(bytes, to);
      waiting.send();
    } else if (isChosen && all.size < CLIENTS) {
      // A runtime may have received it into a much larger buffer.
      const copy = bytes.slice();
      const release = () => {
        all.delete(client);
        send(copy, to);
      };
      const alarm = clock.set(performance.now() + PATIENCE, release);
      all.set(client, { alarm, send: release });
    } else {
      send(bytes, to);
    }
  };
}
