import { flipBit } from "./corrupt.ts";
import type { Peer, Send } from "./datagrams.ts";
import { isIn, type Random } from "./random.ts";

/** Flips one bit in a share of the datagrams, in percent. */
export function corruptDatagrams<P extends Peer>(
  send: Send<P>,
  share: number,
  random: Random,
): Send<P> {
  return (bytes, to) => {
    if (isIn(share, random)) flipBit(bytes, random);
    send(bytes, to);
  };
}
