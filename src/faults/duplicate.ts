import type { Peer, Send } from "./datagrams.ts";
import { isIn, type Random } from "./random.ts";

/** Sends a share of the datagrams twice, in percent. */
export function duplicate<P extends Peer>(
  send: Send<P>,
  share: number,
  random: Random,
): Send<P> {
  return (bytes, to) => {
    send(bytes, to);
    if (isIn(share, random)) send(bytes, to);
  };
}
