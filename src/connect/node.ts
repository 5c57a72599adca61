import { connect as connectTcp, type Socket as NetSocket } from "node:net";
import { connect as connectTls, rootCertificates } from "node:tls";
import type { Addr } from "../transport.ts";
import type {
  Connector,
  ConnectorOptions,
  Socket,
  SocketHandler,
} from "./connector.ts";
import { connectUdp } from "./udp.ts";

/** Connects over `node:net` and `node:tls`. */
export function createConnector({ ca }: ConnectorOptions): Connector {
  return {
    connect(addr, handler) {
      if (addr.transport === "udp") return connectUdp(addr, handler);
      return new Promise((resolve, reject) => {
        const secure = addr.transport === "tls";
        const socket = open(addr, ca);
        socket.setNoDelay();
        socket.once("error", reject);
        socket.once(secure ? "secureConnect" : "connect", () => {
          socket.off("error", reject);
          resolve(new NodeSocket(socket, handler));
        });
      });
    },
  };
}

function open(addr: Addr, ca: string | undefined): NetSocket {
  if ("path" in addr) return connectTcp({ path: addr.path });
  const { hostname: host, port } = addr;
  if (addr.transport !== "tls") return connectTcp({ host, port });
  return connectTls({
    host,
    port,
    ...(ca && { ca: [...rootCertificates, ca] }),
  });
}

class NodeSocket implements Socket {
  readonly #socket: NetSocket;
  #full = false;
  #ended = false;

  constructor(socket: NetSocket, handler: SocketHandler) {
    this.#socket = socket;
    socket.on("data", (chunk) => {
      if (!this.#ended) handler.onData(chunk, chunk.length);
    });
    socket.on("drain", () => {
      this.#full = false;
      if (!this.#ended) handler.onDrain();
    });
    const end = (error?: Error) => {
      if (this.#ended) return;
      this.close();
      handler.onEnd(error);
    };
    socket.on("end", () => end());
    socket.on("error", end);
  }

  write(bytes: Uint8Array, from: number, to: number): number {
    if (this.#full) return 0;
    this.#full = !this.#socket.write(bytes.subarray(from, to));
    return to - from;
  }

  close(): void {
    this.#ended = true;
    this.#socket.destroy();
  }
}
