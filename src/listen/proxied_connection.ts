import { fill, restOf } from "../core/rest.ts";
import type { Addr, Connection } from "../core/transport.ts";

/** How much to read and drop at a time, in bytes. */
const SINK = 4_096;

/** A connection behind a balancer, of which more than the header has been read. */
export class ProxiedConnection implements Connection {
  readonly remoteAddr: Addr;
  readonly via?: Addr;
  readonly pipe?: (onBytes: (count: number) => void) => Promise<void>;
  readonly closeWrite?: () => Promise<void>;
  readonly reset?: () => void;
  readonly delivered?: () => Promise<void>;
  readonly #connection: Connection;
  /** What has been read behind the header. */
  #rest: Uint8Array | undefined;
  /** Whether the end has been sent. */
  #ended = false;

  /**
   * @param source The client's address; undefined if that is the balancer itself.
   * @param rest What has been read behind the header.
   */
  constructor(
    connection: Connection,
    source: Addr | undefined,
    rest: Uint8Array,
  ) {
    const { remoteAddr } = connection;
    this.remoteAddr = remoteAddr;
    if (source) {
      const { transport } = remoteAddr;
      this.remoteAddr = transport === "tls" && "port" in source
        ? { ...source, transport }
        : source;
      this.via = remoteAddr;
    }
    this.#connection = connection;
    if (rest.length > 0) this.#rest = rest;
    const { pipe, closeWrite, reset, delivered } = connection;
    if (pipe) {
      this.pipe = async (onBytes) => {
        await this.#writeRest(onBytes);
        if (this.#ended) await this.#drop();
        else await pipe.call(connection, onBytes);
      };
    }
    if (closeWrite) {
      this.closeWrite = () => {
        this.#ended = true;
        return closeWrite.call(connection);
      };
    }
    if (reset) this.reset = () => reset.call(connection);
    if (delivered) this.delivered = () => delivered.call(connection);
  }

  read(p: Uint8Array): Promise<number | null> {
    const rest = this.#rest;
    if (!rest) return this.#connection.read(p);
    const count = fill(p, rest);
    this.#rest = restOf(rest, count);
    return Promise.resolve(count);
  }

  write(p: Uint8Array): Promise<number> {
    return this.#connection.write(p);
  }

  close(): void {
    this.#connection.close();
  }

  async #writeRest(onBytes: (count: number) => void): Promise<void> {
    let rest = this.#rest;
    this.#rest = undefined;
    if (rest) onBytes(0);
    while (rest && !this.#ended) {
      const count = await this.#connection.write(rest);
      rest = restOf(rest, count);
      onBytes(count);
    }
  }

  /** Drops what the peer still sends, as a pipe does after the end has been sent. */
  async #drop(): Promise<void> {
    const sink = new Uint8Array(SINK);
    while (await this.#connection.read(sink) !== null);
  }
}
