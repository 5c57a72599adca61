import type { Peer, Send } from "./datagrams.ts";
import { isIn, type Random } from "./random.ts";

/** Drops a share of the datagrams, in percent. */
export function drop<P extends Peer>(
  send: Send<P>,
  share: number,
  random: Random,
  onDrop: () => void,
): Send<P> {
  return (bytes, to) => isIn(share, random) ? onDrop() : send(bytes, to);
}
