import {
  connect as connectTcp,
  type NetConnectOpts,
  type OnReadOpts,
  type Socket as NetSocket,
} from "node:net";
import { connect as connectTls, rootCertificates } from "node:tls";
import { setDeadline } from "../../core/deadline.ts";
import type { Addr } from "../../core/transport.ts";
import {
  type Connector,
  type ConnectorOptions,
  NO_ANSWER,
  NO_HANDSHAKE,
  type Socket,
  type SocketHandler,
} from "../connector.ts";
import { tryEachAddress } from "../each_address.ts";
import { type Greet, greetingOf } from "../greeting.ts";
import { refuseSelf } from "../self_connection.ts";
import { TimeoutError } from "../timeout.ts";
import { connectUdp } from "../connect_udp.ts";
import { isError } from "../../core/error_message.ts";
import { readTlsError } from "../tls.ts";
import { UdpTable } from "../udp_table.ts";
import { LONGEST_PATH, sizeOf } from "../unix_path.ts";

/** Connects with `node:net` and `node:tls`. */
export function createConnector(
  { ca, caOnly = false, insecure = false, chunkSize, greet, timeout }:
    ConnectorOptions,
): Connector {
  // All sockets read into the same buffer, one at a time, instead of into new ones.
  const buffer = new Uint8Array(chunkSize);
  const udp = {
    connects: true,
    largest: chunkSize,
    // As many as Node reads in one turn of the event loop.
    atOnce: 32,
    table: new UdpTable(),
  };
  return tryEachAddress({
    connect(addr, handler, serverName) {
      if (addr.transport === "udp") return connectUdp(addr, handler, udp);
      if ("path" in addr && sizeOf(addr.path) > LONGEST_PATH) {
        // Node before 24 connects to the part of the path that fits.
        const error = new Error("invalid argument");
        return Promise.reject(Object.assign(error, { code: "EINVAL" }));
      }
      const { promise, resolve, reject } = Promise.withResolvers<Socket>();
      const socket = open(addr, { ca, caOnly, insecure, greet, serverName }, {
        buffer,
        callback(count, chunk) {
          if (!socket.destroyed) handler.onData(chunk, count);
          return true;
        },
      });
      socket.setNoDelay();
      const fail = (error: unknown) => reject(readTlsError(error));
      socket.once("error", fail);
      const giveUp = (what: string) =>
        setDeadline(
          timeout,
          () => socket.destroy(new TimeoutError(what, timeout)),
        );
      let callOff = giveUp(NO_ANSWER);
      let self: Error | undefined;
      socket.once("connect", () => {
        self = refuseSelf(socket);
        if (self) socket.destroy(self);
      });
      socket.once("close", () => callOff());
      if (addr.transport === "tls") {
        socket.once("connect", () => {
          callOff();
          callOff = giveUp(NO_HANDSHAKE);
        });
      }
      socket.once(
        addr.transport === "tls" ? "secureConnect" : "connect",
        () => {
          callOff();
          if (self) return;
          socket.off("error", fail);
          resolve(new NodeSocket(socket, handler));
        },
      );
      return promise;
    },
  });
}

function open(
  addr: Addr,
  { ca, caOnly, insecure, greet, serverName }: {
    ca: string | undefined;
    caOnly: boolean;
    insecure: boolean;
    greet: Greet | undefined;
    serverName: string | undefined;
  },
  onread: OnReadOpts,
): NetSocket {
  const plain = (place: NetConnectOpts) => {
    const socket = connectTcp(place);
    if (greet) {
      socket.once(
        "connect",
        () => socket.write(greetingOf(greet, addr, socket)),
      );
    }
    return socket;
  };
  if ("path" in addr) return plain({ path: addr.path, onread });
  const { hostname: host, port } = addr;
  if (addr.transport !== "tls") return plain({ host, port, onread });
  const raw = greet && plain({ host, port });
  const socket = connectTls({
    ...(raw ? { socket: raw } : { port }),
    host,
    rejectUnauthorized: !insecure,
    ...(serverName && { servername: serverName }),
    ...(ca && { ca: caOnly ? [ca] : [...rootCertificates, ca] }),
  });
  if (raw) {
    // The TLS socket says it, too.
    raw.on("error", () => {});
    raw.setNoDelay();
    socket.once("close", () => raw.destroy());
  }
  // A TLS socket does not support `onread`.
  socket.on(
    "data",
    (chunk: Uint8Array) => onread.callback(chunk.length, chunk),
  );
  return socket;
}

class NodeSocket implements Socket {
  readonly remoteAddress: string | undefined;
  readonly #socket: NetSocket;
  #full = false;
  #ended = false;

  constructor(socket: NetSocket, handler: SocketHandler) {
    this.remoteAddress = socket.remoteAddress;
    this.#socket = socket;
    socket.on("drain", () => {
      this.#full = false;
      if (!socket.destroyed) handler.onDrain();
    });
    const end = (error?: Error) => {
      if (this.#ended) return;
      this.close();
      const read = readTlsError(error);
      handler.onEnd(isError(read) ? read : undefined);
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
