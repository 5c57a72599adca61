import { connect, type Socket } from "node:net";

/** The byte at a position of what test clients send. */
export function patternAt(position: number): number {
  return position * 31 % 251;
}

/** `count` bytes of the pattern, from a position on. */
export function pattern(count: number, from = 0): Uint8Array<ArrayBuffer> {
  return Uint8Array.from({ length: count }, (_, i) => patternAt(from + i));
}

/** A TCP client on `node:net`, which every runtime has. It reads only when told to. */
export class Client implements AsyncDisposable {
  readonly #socket: Socket;
  readonly #closed: Promise<void>;
  #rest: Uint8Array = new Uint8Array();
  #error: Error | undefined;

  private constructor(socket: Socket) {
    this.#socket = socket;
    this.#closed = new Promise((resolve) =>
      socket.once("close", () => resolve())
    );
    socket.on("error", (error) => this.#error = error);
  }

  /** Connects to a port of this machine. */
  static connect(port: number, host = "127.0.0.1"): Promise<Client> {
    return new Promise((resolve, reject) => {
      const socket = connect({ port, host, allowHalfOpen: true });
      socket.pause();
      socket.once("error", reject);
      socket.once("connect", () => {
        socket.off("error", reject);
        resolve(new Client(socket));
      });
    });
  }

  /** Sends bytes; resolves when the system has taken them. */
  send(bytes: Uint8Array | string): Promise<void> {
    return new Promise((resolve, reject) =>
      this.#socket.write(bytes, (error) => error ? reject(error) : resolve())
    );
  }

  /** Ends the sending side. */
  end(): void {
    this.#socket.end();
  }

  /** Breaks the connection off, with a TCP reset. */
  reset(): Promise<void> {
    this.#socket.resetAndDestroy();
    return this.#closed;
  }

  /** The next bytes, some at least, or null at the end of file. */
  async receive(): Promise<Uint8Array | null> {
    if (this.#rest.length > 0) {
      const rest = this.#rest;
      this.#rest = new Uint8Array();
      return rest;
    }
    for (;;) {
      const chunk: Uint8Array | null = this.#socket.read();
      if (chunk) return chunk;
      if (this.#error) throw this.#error;
      if (this.#socket.readableEnded) return null;
      await this.#change();
    }
  }

  /** Exactly `count` bytes. */
  async receiveExactly(count: number): Promise<Uint8Array> {
    const bytes = new Uint8Array(count);
    for (let at = 0; at < count;) {
      const chunk = await this.receive();
      if (!chunk) throw new Error(`End of file after ${at} of ${count} bytes`);
      bytes.set(chunk.subarray(0, count - at), at);
      this.#rest = chunk.subarray(count - at);
      at += chunk.length - this.#rest.length;
    }
    return bytes;
  }

  /** How many bytes of the pattern come before the end of file. Throws for any other. */
  async receivePattern(): Promise<number> {
    let position = 0;
    for (let chunk; (chunk = await this.receive());) {
      for (const byte of chunk) {
        if (byte !== patternAt(position)) {
          throw new Error(`Wrong byte ${byte} at ${position}`);
        }
        position++;
      }
    }
    return position;
  }

  /** Sends bytes and receives as many. */
  async echo(bytes: Uint8Array): Promise<Uint8Array> {
    await this.send(bytes);
    return await this.receiveExactly(bytes.length);
  }

  /** Resolves when both sides have ended, or the connection has failed. */
  get closed(): Promise<void> {
    return this.#closed;
  }

  async [Symbol.asyncDispose]() {
    this.#socket.destroy();
    await this.#closed;
  }

  #change(): Promise<void> {
    return new Promise((resolve) => {
      const events = ["readable", "end", "close"] as const;
      const done = () => {
        for (const event of events) this.#socket.off(event, done);
        resolve();
      };
      for (const event of events) this.#socket.on(event, done);
    });
  }
}
