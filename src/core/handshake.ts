import { setDeadline } from "./deadline.ts";
import type { Addr, Connection } from "./transport.ts";

/** TLS that has failed, in the handshake or after it. */
export class TlsError extends Error {
  /** Why, in a few words: never the library's own, nor anything of the peer's. */
  readonly reason: string;

  constructor(reason: string, options?: ErrorOptions) {
    super(`TLS failed: ${reason}`, options);
    this.reason = reason;
  }
}

/** A TLS handshake that has failed. */
export class HandshakeError extends TlsError {}

/**
 * A TLS connection that exists before its handshake is done. A client that fails
 * the handshake, or never begins it, is one failed connection and delays no other.
 */
export class SecureConnection implements Connection {
  readonly remoteAddr: Addr;
  readonly pipe?: (onBytes: (count: number) => void) => Promise<void>;
  readonly closeWrite?: () => Promise<void>;
  readonly reset?: () => void;
  readonly delivered?: () => Promise<void>;
  readonly #connection: Connection;
  readonly #handshake: Promise<void>;
  readonly #failed = Promise.withResolvers<never>();
  #done = false;

  /**
   * @param connection The connection to use after the handshake.
   * @param handshake Settles with the handshake.
   * @param timeout How long it may take, in milliseconds.
   */
  constructor(
    connection: Connection,
    handshake: Promise<unknown>,
    timeout: number,
  ) {
    const { remoteAddr } = connection;
    this.remoteAddr = "port" in remoteAddr
      ? { ...remoteAddr, transport: "tls" }
      : remoteAddr;
    this.#connection = connection;
    this.#handshake = this.#finish(handshake, timeout);
    // Reads and writes report the failure.
    this.#handshake.catch(() => {});
    const { pipe, closeWrite, reset, delivered } = connection;
    if (pipe) {
      this.pipe = async (onBytes) => {
        await this.#handshake;
        return pipe.call(connection, onBytes);
      };
    }
    if (closeWrite) {
      this.closeWrite = async () => {
        if (!this.#done) throw new Error("The TLS handshake is not done");
        await closeWrite.call(connection);
      };
    }
    if (delivered) this.delivered = () => delivered.call(connection);
    if (reset) {
      this.reset = () => {
        this.#failed.reject(new Error("Connection closed"));
        reset.call(connection);
      };
    }
  }

  async #finish(handshake: Promise<unknown>, timeout: number): Promise<void> {
    const callOff = setDeadline(timeout, () => {
      this.#failed.reject(
        new HandshakeError(`no handshake within ${timeout / 1000} s`),
      );
    });
    try {
      await Promise.race([handshake, this.#failed.promise]);
      this.#done = true;
    } finally {
      callOff();
    }
  }

  read(p: Uint8Array): Promise<number | null> {
    if (this.#done) return this.#connection.read(p);
    return this.#handshake.then(() => this.#connection.read(p));
  }

  write(p: Uint8Array): Promise<number> {
    if (this.#done) return this.#connection.write(p);
    return this.#handshake.then(() => this.#connection.write(p));
  }

  close(): void {
    this.#failed.reject(new Error("Connection closed"));
    this.#connection.close();
  }
}
