import { lookup } from "node:dns/promises";
import { codeOf, isError } from "../../core/error_message.ts";
import type { Addr } from "../../core/transport.ts";
import {
  type Connector,
  type ConnectorOptions,
  NO_ANSWER,
  type Socket,
  type SocketHandler,
} from "../connector.ts";
import { tryEachAddress } from "../each_address.ts";
import { greetingOf } from "../greeting.ts";
import { type Ends, refuseSelf, SelfConnection } from "../self_connection.ts";
import { within } from "../timeout.ts";
import { askSystem } from "./ask_system.ts";
import { createConnector as createNodeConnector } from "../node/connect.ts";

/** The part of Bun that is used here. */
declare const Bun: {
  connect(
    options:
      & { socket: Handlers; data: BunSocket }
      & (
        | { hostname: string; port: number }
        | { unix: string }
      ),
  ): Promise<RawSocket>;
};

interface Handlers {
  data(socket: RawSocket, chunk: Uint8Array): void;
  drain(socket: RawSocket): void;
  end(socket: RawSocket): void;
  close(socket: RawSocket, error?: Error): void;
  error(socket: RawSocket, error: Error): void;
}

interface RawSocket extends Ends {
  readonly data: BunSocket;
  /** Returns the number of bytes that the system accepted, or -1 once it is closed. */
  write(bytes: Uint8Array, offset: number, length: number): number;
  setNoDelay(on: boolean): boolean;
  end(): void;
}

/** Connects with `Bun.connect`; TLS and UDP as on Node. */
export function createConnector(options: ConnectorOptions): Connector {
  const node = createNodeConnector(options);
  return tryEachAddress({
    async connect(addr, handler, serverName) {
      try {
        if (addr.transport === "tls" || addr.transport === "udp") {
          return await node.connect(addr, handler, serverName);
        }
        const socket = new BunSocket(handler, addr.transport);
        const connecting = Bun.connect({
          ...("path" in addr
            ? { unix: addr.path }
            : { hostname: addr.hostname, port: addr.port }),
          data: socket,
          socket: HANDLERS,
        });
        socket.raw = await within(
          options.timeout,
          NO_ANSWER,
          connecting,
          (late) => late.end(),
        );
        const self = refuseSelf(socket.raw);
        if (self) {
          socket.close();
          throw self;
        }
        socket.raw.setNoDelay(true);
        if (options.greet) {
          const greeting = greetingOf(options.greet, addr, socket.raw);
          const sent = socket.write(greeting, 0, greeting.length);
          // What a new connection has no room for is lost with it.
          if (sent < greeting.length) {
            socket.close();
            throw createReset();
          }
        }
        return socket;
      } catch (error) {
        throw isVague(error)
          ? await reasonFor(addr, error, options.timeout)
          : error;
      }
    },
  });
}

/** Reports whether an error may have any reason: Bun calls most of them refusals. */
function isVague(error: unknown): boolean {
  if (error instanceof SelfConnection) return false;
  return codeOf(error) === "ECONNREFUSED" ||
    isError(error) && error.message === "Failed to connect socket";
}

/** Finds the real reason. */
async function reasonFor(
  addr: Addr,
  error: unknown,
  timeout: number,
): Promise<unknown> {
  const place = "path" in addr
    ? addr
    : { ...addr, hostname: (await lookup(addr.hostname)).address };
  const code = await askSystem(place, timeout);
  if (code === null) return error;
  return code === undefined
    ? new Error(
      "connection refused, or no way there: Bun does not tell which",
      { cause: error },
    )
    : Object.assign(new Error(`Cannot connect: ${code}`), { code });
}

const HANDLERS: Handlers = {
  data: ({ data }, chunk) => data.onData(chunk),
  drain: ({ data }) => data.onDrain(),
  // A reset between a write and a read arrives as an end, too. But then the system
  // knows no peer any more.
  end: ({ data, remotePort }) =>
    data.onEnd(
      data.isTcp && remotePort === undefined ? createReset() : undefined,
    ),
  // Without an end before, and often without an error: it was reset.
  close: ({ data }, error) => data.onEnd(error ?? createReset()),
  error: ({ data }, error) => data.onEnd(error),
};

function createReset(): Error {
  return Object.assign(new Error("connection reset"), { code: "ECONNRESET" });
}

class BunSocket implements Socket {
  /** Set once it is connected. */
  raw: RawSocket | undefined;
  readonly isTcp: boolean;
  readonly #handler: SocketHandler;
  #ended = false;

  constructor(handler: SocketHandler, transport: Addr["transport"]) {
    this.#handler = handler;
    this.isTcp = transport === "tcp";
  }

  get remoteAddress(): string | undefined {
    return this.raw?.remoteAddress;
  }

  write(bytes: Uint8Array, from: number, to: number): number {
    return Math.max(this.raw?.write(bytes, from, to - from) ?? 0, 0);
  }

  close(): void {
    this.#ended = true;
    this.raw?.end();
  }

  onData(chunk: Uint8Array): void {
    if (!this.#ended) this.#handler.onData(chunk, chunk.length);
  }

  onDrain(): void {
    if (!this.#ended) this.#handler.onDrain();
  }

  onEnd(error?: Error): void {
    if (this.#ended) return;
    this.close();
    this.#handler.onEnd(error);
  }
}
