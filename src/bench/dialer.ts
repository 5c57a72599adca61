import type { Addr } from "../core/transport.ts";
import type {
  Connector,
  Socket,
  SocketHandler,
} from "../runtimes/connector.ts";
import { Histogram } from "./histogram.ts";

/** Opens the connections of a load, and measures how long that takes. */
export class Dialer {
  readonly times: Histogram = new Histogram();
  /** The number of connections being opened. */
  pending = 0;
  /** The address that was connected to, if the system says. */
  address: string | undefined;
  readonly #connector: Connector;
  readonly #addr: Addr;

  constructor(connector: Connector, addr: Addr) {
    this.#connector = connector;
    this.#addr = addr;
  }

  /** Connects. Rejects as its connector does. */
  async dial(handler: SocketHandler): Promise<Socket> {
    this.pending++;
    const startedAt = performance.now();
    try {
      const socket = await this.#connector.connect(this.#addr, handler);
      this.times.record(performance.now() - startedAt);
      this.address ??= socket.remoteAddress;
      return socket;
    } finally {
      this.pending--;
    }
  }
}
