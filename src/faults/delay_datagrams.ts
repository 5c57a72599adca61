import type { Clock } from "./clock.ts";
import type { Peer, Send } from "./datagrams.ts";
import { type DelayOptions, timeOf } from "./delay.ts";
import { CHUNK_COST } from "./delay_line.ts";
import type { Random } from "./random.ts";

/**
 * Sends each datagram after a delay of its own, so that jitter changes their order.
 * While a window is held, further ones are dropped.
 */
export function delayDatagrams<P extends Peer>(
  send: Send<P>,
  options: DelayOptions,
  random: Random,
  clock: Clock,
  onDrop: () => void,
): Send<P> {
  let held = 0;
  return (bytes, to) => {
    const time = performance.now() + timeOf(options, random);
    const cost = bytes.length + CHUNK_COST;
    if (held > 0 && held + cost > options.window) return onDrop();
    held += cost;
    // A runtime may have received it into a much larger buffer.
    const copy = bytes.slice();
    clock.set(time, () => {
      held -= cost;
      send(copy, to);
    });
  };
}
