import { createSocket } from "node:dgram";
import { lookup } from "node:dns/promises";
import { codeOf, isError } from "../core/error_message.ts";
import { isLoopback, parseIp } from "../core/ip.ts";
import type { NetAddr } from "../core/transport.ts";
import type { Socket, SocketHandler } from "./connector.ts";
import { setReceiveBuffer } from "./receive_buffer.ts";
import { refuseSelf } from "./self_connection.ts";
import type { UdpTable } from "./udp_table.ts";

/** What a runtime can do, as far as it differs. */
export interface UdpAbilities {
  /**
   * Whether the system itself connects the socket. If not, datagrams of others
   * are dropped here, and an unreachable port goes unnoticed while it is in use.
   */
  readonly connects: boolean;
  /** The size of the largest datagram to expect, in bytes. */
  readonly largest: number;
  /** The number of datagrams that may be on their way to the system, in their order. */
  readonly atOnce: number;
  /** The system's table of sockets, if it can be read. */
  readonly table: UdpTable | undefined;
  /** Finds the reason for an error that has none. */
  readonly findReason?: (peer: NetAddr) => Promise<unknown>;
}

/** Opens a UDP socket that is connected to one peer, with `node:dgram`, which every runtime has. */
export async function connectUdp(
  { hostname, port }: NetAddr,
  handler: SocketHandler,
  { connects, largest, atOnce, table, findReason }: UdpAbilities,
): Promise<Socket> {
  const { address, family } = await lookup(hostname);
  // The system takes the unspecified address for its own loopback address.
  const peer = address === "0.0.0.0"
    ? "127.0.0.1"
    : address === "::"
    ? "::1"
    : address;
  if (!connects && isLoopback(peer) && table?.isFree(port)) {
    throw refusal();
  }
  return await new Promise((resolve, reject) => {
    const socket = createSocket(family === 6 ? "udp6" : "udp4");
    let closed = false;
    let sending = 0;
    let isFull = false;
    /** The address of the peer, as the runtime writes it. */
    let known = peer;
    function close() {
      if (closed) return;
      closed = true;
      socket.close();
    }
    function fail(error: Error) {
      if (closed) return;
      close();
      if (!findReason || codeOf(error) !== undefined) {
        return handler.onEnd(error);
      }
      findReason({ transport: "udp", hostname: peer, port })
        .catch(() => undefined)
        .then((reason) => handler.onEnd(isError(reason) ? reason : error));
    }
    function onSent(error?: Error | null) {
      sending--;
      if (error) return fail(error);
      if (!isFull || sending > 0) return;
      // What has come in is read first: Node calls this before its next read.
      setImmediate(() => {
        isFull = false;
        if (!closed) handler.onDrain();
      });
    }
    socket.once("error", reject);
    socket.on("message", (datagram, from) => {
      if (closed) return;
      if (!connects && (from.port !== port || from.address !== known)) {
        const isPeer = from.port === port &&
          parseIp(from.address) === parseIp(peer);
        if (!isPeer) return;
        known = from.address;
      }
      handler.onData(datagram, datagram.length);
    });
    socket.connect(port, peer, (error?: Error) => {
      socket.off("error", reject);
      if (error) {
        close();
        return reject(error);
      }
      socket.on("error", fail);
      const local = socket.address();
      const isAny = parseIp(local.address) === "0.0.0.0" ||
        parseIp(local.address) === "::";
      const self = refuseSelf({
        // Unless the system connects it, the socket has every address.
        localAddress: isAny && isLoopback(peer) ? peer : local.address,
        localPort: local.port,
        remoteAddress: peer,
        remotePort: port,
      });
      if (self) {
        close();
        return reject(self);
      }
      setReceiveBuffer(socket, largest);
      resolve({
        remoteAddress: peer,
        write(bytes, from, to) {
          if (closed || isFull) return 0;
          if (sending === atOnce) {
            isFull = true;
            return 0;
          }
          sending++;
          socket.send(bytes, from, to - from, onSent);
          return to - from;
        },
        overflow: () => table?.drops(local.port),
        close,
      });
    });
  });
}

function refusal(): Error {
  return Object.assign(new Error("connection refused"), {
    code: "ECONNREFUSED",
  });
}
