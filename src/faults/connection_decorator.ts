import type { Addr, Connection } from "../core/transport.ts";

/** A connection that does everything as another one: the base of the faults. */
export class ConnectionDecorator implements Connection {
  readonly remoteAddr: Addr;
  readonly via?: Addr | undefined;
  readonly closeWrite?: () => Promise<void>;
  readonly reset?: () => void;
  /** The connection that is decorated. */
  protected readonly inner: Connection;

  /** Leaves out what the connection does not have, and its `pipe`. */
  constructor(inner: Connection) {
    this.inner = inner;
    this.remoteAddr = inner.remoteAddr;
    this.via = inner.via;
    const { closeWrite, reset } = inner;
    if (closeWrite) {
      this.closeWrite = () => {
        this.stopWriting();
        return closeWrite.call(inner);
      };
    }
    if (reset) {
      this.reset = () => {
        this.stop();
        reset.call(inner);
      };
    }
  }

  read(p: Uint8Array): Promise<number | null> {
    return this.inner.read(p);
  }

  write(p: Uint8Array): Promise<number> {
    return this.inner.write(p);
  }

  close(): void {
    this.stop();
    this.inner.close();
  }

  /** Ends what is pending here, before both directions are closed. */
  protected stop(): void {
    this.stopWriting();
  }

  /** Ends a write that is pending here, before the sending side is ended. */
  protected stopWriting(): void {}
}
