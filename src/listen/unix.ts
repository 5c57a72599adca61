import { chmodSync, lstatSync, rmSync, unlinkSync } from "node:fs";
import { connect } from "node:net";
import type { Addr, Connection, Listener } from "../core/transport.ts";

/**
 * Binds a Unix socket where there is none, or one that nobody listens on any
 * more; anything else that is there is left alone, and an error.
 *
 * @param bind Binds it, once the path is free.
 */
export async function listenUnix(
  path: string,
  mode: number,
  bind: () => Promise<Listener>,
): Promise<Listener> {
  const found = lstatSync(path, { throwIfNoEntry: false });
  if (found && !found.isSocket()) {
    throw new Error("what is there is not a socket");
  }
  if (found && await isLive(path)) {
    const code = "EADDRINUSE";
    throw Object.assign(new Error("address already in use"), { code });
  }
  if (found) unlinkSync(path);

  const listener = new UnixListener(path, await bind());
  try {
    chmodSync(path, mode);
  } catch (error) {
    listener.close();
    throw error;
  }
  return listener;
}

/** Reports whether a process listens on the socket. */
function isLive(path: string): Promise<boolean> {
  return new Promise((resolve, reject) => {
    const socket = connect(path, () => {
      socket.destroy();
      resolve(true);
    });
    socket.once("error", (error) => {
      if ("code" in error && error.code === "ECONNREFUSED") resolve(false);
      else reject(error);
    });
  });
}

/** Removes its file in the end. */
class UnixListener implements Listener {
  readonly addr: Addr;
  readonly #path: string;
  readonly #listener: Listener;
  #closed = false;

  constructor(path: string, listener: Listener) {
    this.addr = listener.addr;
    this.#path = path;
    this.#listener = listener;
  }

  accept(): Promise<Connection | null> {
    return this.#listener.accept();
  }

  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#listener.close();
    // Most runtimes have already removed it.
    rmSync(this.#path, { force: true });
  }
}
