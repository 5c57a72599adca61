/// <reference no-default-lib="true" />
/// <reference lib="deno.worker" />
import { Client, pattern } from "./client.ts";

/** How many messages a client has got back when it calls the end. */
const MESSAGES = 300;

/**
 * Fifty clients that send a message as soon as they have the last one back: few
 * enough for one event loop to be fair itself. Told a port, it starts; told
 * anything else, it stops and says how many messages each client got back.
 */
self.onmessage = ({ data: port }: MessageEvent<number>) => {
  let stopped = false;
  self.onmessage = () => stopped = true;
  const clients = Array.from({ length: 50 }, async () => {
    await using client = await Client.connect(port);
    let messages = 0;
    while (!stopped) {
      await client.echo(pattern(64));
      if (++messages === MESSAGES) self.postMessage("enough");
    }
    return messages;
  });
  Promise.all(clients).then((counts) => self.postMessage(counts));
};
