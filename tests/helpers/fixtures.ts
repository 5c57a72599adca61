import { serve } from "../../mod.ts";
import type {
  ClosedConnection,
  Connection,
  Listener,
  ServeOptions,
  Stats,
} from "../../mod.ts";
import { assert } from "./assert.ts";
import type { Client } from "./client.ts";
import type { Transport } from "./transports.ts";

/** A server on a real socket, and what it has reported. */
export class Fixture implements AsyncDisposable {
  readonly closed: ClosedConnection[] = [];
  readonly errors: unknown[] = [];
  readonly server;
  readonly #transport: Transport;
  #onClose = () => {};

  private constructor(
    transport: Transport,
    listener: Listener,
    options: ServeOptions,
  ) {
    this.#transport = transport;
    this.server = serve(listener, {
      ...options,
      onClose: (connection) => {
        this.closed.push(connection);
        this.#onClose();
      },
      onError: (error) => this.errors.push(error),
    });
  }

  static async start(
    transport: Transport,
    options: ServeOptions = {},
  ): Promise<Fixture> {
    const listener = await transport.listen();
    return new Fixture(transport, listener, options);
  }

  get stats(): Stats {
    return this.server.stats();
  }

  connect(): Promise<Client> {
    return this.#transport.connect(this.server.addr);
  }

  /** Resolves when so many connections have ended. */
  async closedCount(count: number): Promise<void> {
    while (this.closed.length < count) {
      await new Promise<void>((resolve) => this.#onClose = resolve);
    }
  }

  async [Symbol.asyncDispose]() {
    await this.server[Symbol.asyncDispose]();
  }
}

/** A connection and its peer. */
export class Pair implements AsyncDisposable {
  readonly connection: Connection;
  readonly client: Client;
  /** Settles when what `fill` has begun is written. */
  filling: Promise<unknown> = Promise.resolve();
  #open = true;

  private constructor(connection: Connection, client: Client) {
    this.connection = connection;
    this.client = client;
  }

  static async open(transport: Transport): Promise<Pair> {
    const listener = await transport.listen();
    const accepted = listener.accept();
    const client = await transport.connect(listener.addr);
    const connection = await accepted;
    listener.close();
    assert(connection);
    return new Pair(connection, client);
  }

  /** Writes until a write is pending; returns how many bytes went before it. */
  async fill(): Promise<number> {
    const chunk = new Uint8Array(64 * 1024);
    // The first one waits for the handshake, if there is one.
    await this.#writeAll(chunk);
    for (let written = chunk.length;; written += chunk.length) {
      let done = false;
      this.filling = this.#writeAll(chunk).finally(() => done = true);
      this.filling.catch(() => {});
      for (let turn = 0; turn < 20 && !done; turn++) {
        await new Promise((resolve) => setTimeout(resolve, 0));
      }
      if (!done) return written;
    }
  }

  async #writeAll(bytes: Uint8Array): Promise<void> {
    for (let sent = 0; sent < bytes.length;) {
      sent += await this.connection.write(bytes.subarray(sent));
    }
  }

  close(): void {
    if (this.#open) this.connection.close();
    this.#open = false;
  }

  async [Symbol.asyncDispose]() {
    this.close();
    await this.client[Symbol.asyncDispose]();
  }
}
