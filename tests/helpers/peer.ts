import { createSocket, type Socket } from "node:dgram";
import { isIPv6 } from "node:net";
import type { Addr } from "../../mod.ts";
import { portOf } from "./transports.ts";

/** Somebody who sends datagrams to one place, and keeps those that come back. */
export class Peer implements AsyncDisposable {
  readonly #socket: Socket;
  readonly #port: number;
  readonly #address: string;
  readonly #received: Uint8Array[] = [];
  #echoes = false;
  #wake = () => {};

  private constructor(socket: Socket, port: number, address: string) {
    this.#socket = socket;
    this.#port = port;
    this.#address = address;
    socket.on("message", (bytes, from) => {
      if (this.#echoes) socket.send(bytes, from.port, from.address);
      else this.#received.push(new Uint8Array(bytes));
      this.#wake();
    });
  }

  /** Opens a socket: to send to `addr`, by an address of the same machine. */
  static open(
    { addr }: { readonly addr: Addr },
    address = "127.0.0.1",
    port = 0,
  ): Promise<Peer> {
    return new Promise((resolve, reject) => {
      const socket = createSocket(isIPv6(address) ? "udp6" : "udp4");
      socket.once("error", reject);
      socket.bind(
        { port, address },
        () => resolve(new Peer(socket, portOf(addr), address)),
      );
    });
  }

  /** The port it is bound to. */
  get port(): number {
    return this.#socket.address().port;
  }

  /** Sends a datagram; resolves when the system has taken it. */
  send(bytes: Uint8Array): Promise<void> {
    return new Promise((resolve, reject) =>
      this.#socket.send(
        bytes,
        this.#port,
        this.#address,
        (error) => error ? reject(error) : resolve(),
      )
    );
  }

  /** From now on, it is an echo service. */
  echo(): void {
    this.#echoes = true;
  }

  /** The next datagram. */
  async receive(): Promise<Uint8Array> {
    for (;;) {
      const bytes = this.#received.shift();
      if (bytes) return bytes;
      await new Promise<void>((resolve) => this.#wake = resolve);
    }
  }

  [Symbol.asyncDispose](): Promise<void> {
    return new Promise((resolve) => this.#socket.close(() => resolve()));
  }
}
