import type { Addr, Connection, Listener } from "../../src/core/transport.ts";

/** An error of the operating system, as the runtimes report it. */
export function systemError(code: string): Error {
  return Object.assign(new Error(`${code} happened`), { code });
}

/** A connection without a network: both its ends in one object. */
export class MemoryConnection implements Connection {
  readonly remoteAddr: Addr;
  /** What the peer has been sent and has not taken yet. */
  received: number[] = [];
  /** How many bytes may wait for the peer to take them. */
  room = Infinity;
  /** How many bytes one `write` takes at most. */
  largestWrite = Infinity;
  /** The sizes of the buffers that were read into. */
  readonly bufferSizes: number[] = [];
  closed = 0;
  #incoming: number[] = [];
  #ended = false;
  #error: Error | undefined;
  #resume: (() => void) | undefined;

  constructor(hostname = "192.0.2.1") {
    this.remoteAddr = { transport: "tcp", hostname, port: 50000 };
  }

  /** What has been sent and not been read yet. */
  get unread(): number {
    return this.#incoming.length;
  }

  /** The peer sends bytes. */
  send(bytes: Iterable<number>): void {
    for (const byte of bytes) this.#incoming.push(byte);
    this.#resume?.();
  }

  /** The peer ends its sending side. */
  end(): void {
    this.#ended = true;
    this.#resume?.();
  }

  /** The connection fails. */
  fail(error: Error): void {
    this.#error = error;
    this.#resume?.();
  }

  /** The peer takes what it has been sent. */
  take(): number[] {
    const taken = this.received;
    this.received = [];
    this.#resume?.();
    return taken;
  }

  async read(p: Uint8Array): Promise<number | null> {
    this.bufferSizes.push(p.length);
    for (;;) {
      if (this.#error) throw this.#error;
      if (this.#incoming.length > 0) {
        const bytes = this.#incoming.splice(0, p.length);
        p.set(bytes);
        return bytes.length;
      }
      if (this.#ended) return null;
      await this.#change();
    }
  }

  async write(p: Uint8Array): Promise<number> {
    for (;;) {
      if (this.#error) throw this.#error;
      const count = Math.min(
        p.length,
        this.largestWrite,
        this.room - this.received.length,
      );
      if (count > 0) {
        for (const byte of p.subarray(0, count)) this.received.push(byte);
        return count;
      }
      await this.#change();
    }
  }

  close(): void {
    this.closed++;
    this.fail(new Error("Closed here"));
  }

  #change(): Promise<void> {
    return new Promise((resolve) => this.#resume = resolve);
  }
}

/** A connection without a network that can end its sending side alone, as a `Deno.Conn`. */
export class MemoryDuplex extends MemoryConnection {
  /** Whether the peer has been sent the end. */
  endSent = false;
  /** Lets `closeWrite` fail. */
  refusal: Error | undefined;

  // deno-lint-ignore require-await -- as closeWrite is asynchronous
  async closeWrite(): Promise<void> {
    if (this.refusal) throw this.refusal;
    this.endSent = true;
  }
}

/** A listener without a network. */
export class MemoryListener implements Listener {
  readonly addr: Addr = { transport: "tcp", hostname: "192.0.2.2", port: 7 };
  /** How often `accept` was called. */
  accepts = 0;
  closed = 0;
  readonly #backlog: (MemoryConnection | Error)[] = [];
  #resume: (() => void) | undefined;

  /** How many clients wait to be accepted. */
  get waiting(): number {
    return this.#backlog.length;
  }

  /** A client connects. */
  connect(connection = new MemoryConnection()): MemoryConnection {
    this.#backlog.push(connection);
    this.#resume?.();
    return connection;
  }

  /** The next `accept` fails. */
  failAccept(error: Error): void {
    this.#backlog.push(error);
    this.#resume?.();
  }

  async accept(): Promise<Connection | null> {
    this.accepts++;
    for (;;) {
      if (this.closed > 0) return null;
      const next = this.#backlog.shift();
      if (next instanceof Error) throw next;
      if (next) return next;
      await new Promise<void>((resolve) => this.#resume = resolve);
    }
  }

  close(): void {
    this.closed++;
    this.#resume?.();
  }
}

/** A listener that can be stopped: then it gives what waits, and nothing more. */
export class StoppableListener extends MemoryListener {
  stopped = 0;
  #resume = () => {};

  stop(): void {
    this.stopped++;
    this.#resume();
  }

  override async accept(): Promise<Connection | null> {
    while (this.waiting === 0 && this.closed === 0) {
      if (this.stopped > 0) return null;
      await new Promise<void>((resolve) => this.#resume = resolve);
    }
    return await super.accept();
  }

  override connect(connection?: MemoryConnection): MemoryConnection {
    const connected = super.connect(connection);
    this.#resume();
    return connected;
  }

  override close(): void {
    super.close();
    this.#resume();
  }
}
