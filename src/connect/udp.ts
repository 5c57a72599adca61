import { createSocket } from "node:dgram";
import { isIPv6 } from "node:net";
import type { NetAddr } from "../transport.ts";
import type { Socket, SocketHandler } from "./connector.ts";

/** Opens a UDP socket that talks to one peer, over `node:dgram`, which every runtime has. */
export function connectUdp(
  { hostname, port }: NetAddr,
  handler: SocketHandler,
): Promise<Socket> {
  return new Promise((resolve, reject) => {
    const socket = createSocket(isIPv6(hostname) ? "udp6" : "udp4");
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
    socket.connect(port, hostname, () => {
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
