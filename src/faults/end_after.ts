import { type EndingFault, InjectedFault } from "../core/injected_fault.ts";
import type { Connection } from "../core/transport.ts";
import { ConnectionDecorator } from "./connection_decorator.ts";

/**
 * Ends a connection once exactly so many bytes are written; with 0, at once. Then
 * a read or a write rejects with an {@linkcode InjectedFault}, one time: later
 * reads are those of the connection, so that what still comes can be dropped.
 */
export class EndAfter extends ConnectionDecorator {
  readonly #fault: EndingFault;
  /** How many bytes may still be written. */
  #left: number;
  /** Settles when the connection is ended as far as is done here. */
  #ending: Promise<void> | undefined;
  #told = false;
  /** A read that is pending, or that the end has cut short. */
  #reading: Promise<number | null> | undefined;
  #interrupt: ((error: unknown) => void) | undefined;
  #closed = false;

  /**
   * @param fault `"reset"`, for which the connection must have `reset`; or
   * `"close"`, after which its user ends it in good order.
   */
  constructor(inner: Connection, fault: EndingFault, after: number) {
    super(inner);
    this.#fault = fault;
    this.#left = after;
  }

  override read(p: Uint8Array): Promise<number | null> {
    if (this.#told) return this.#readOn(p);
    if (this.#left === 0) return this.#tell();
    return new Promise((resolve, reject) => {
      this.#interrupt = reject;
      const reading = this.inner.read(p);
      this.#reading = reading;
      reading.then((count) => {
        // An end that has begun comes first.
        if (this.#left === 0) return;
        this.#reading = undefined;
        this.#interrupt = undefined;
        resolve(count);
      }, reject);
    });
  }

  override async write(p: Uint8Array): Promise<number> {
    if (this.#left === 0) return await this.#tell();
    const count = await this.inner.write(p.subarray(0, this.#left));
    this.#left -= count;
    if (this.#left === 0) {
      this.#ending = this.#end();
      if (this.#interrupt) this.#tell().catch(this.#interrupt);
    }
    return count;
  }

  override close(): void {
    if (this.#closed) return;
    this.#closed = true;
    super.close();
  }

  async #tell(): Promise<never> {
    await (this.#ending ??= this.#end());
    this.#told = true;
    throw new InjectedFault(this.#fault);
  }

  async #end(): Promise<void> {
    if (this.#fault !== "reset") return;
    // A reset destroys what is still on its way.
    await this.inner.delivered?.();
    if (this.#closed) return;
    this.#closed = true;
    this.inner.reset?.();
  }

  #readOn(p: Uint8Array): Promise<number | null> {
    const reading = this.#reading ?? this.inner.read(p);
    this.#reading = undefined;
    return reading;
  }
}
