import { createSocket } from "node:dgram";
import { lookup } from "node:dns/promises";
import type { NetAddr } from "../core/transport.ts";
import type { Socket, SocketHandler } from "./connector.ts";

/** Opens a UDP socket that is connected to one peer, with `node:dgram`, which every runtime has. */
export async function connectUdp(
  { hostname, port }: NetAddr,
  handler: SocketHandler,
): Promise<Socket> {
  const { address, family } = await lookup(hostname);
  return await new Promise((resolve, reject) => {
    const socket = createSocket(family === 6 ? "udp6" : "udp4");
    let closed = false;
    function close() {
      if (closed) return;
      closed = true;
      socket.close();
    }
    socket.once("error", reject);
    socket.on("message", (datagram) => {
      if (!closed) handler.onData(datagram, datagram.length);
    });
    socket.connect(port, address, () => {
      socket.off("error", reject);
      socket.on("error", (error) => {
        if (closed) return;
        close();
        handler.onEnd(error);
      });
      resolve({
        write(bytes, from, to) {
          if (!closed) socket.send(bytes, from, to - from);
          return to - from;
        },
        close,
      });
    });
  });
}
