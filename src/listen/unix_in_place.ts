import { chmodSync, lstatSync, unlinkSync } from "node:fs";
import { dirname } from "node:path";
import { type FileId, idOf } from "./file_id.ts";
import type { Addr, Connection, Listener } from "../core/transport.ts";

/**
 * Whether other names in the directory of a path may be used. Deno needs
 * permissions for that, which it is not asked for here.
 */
export function mayUseDirectory(path: string): boolean {
  if (!("Deno" in globalThis)) return true;
  const needed: Deno.PermissionDescriptor[] = [
    { name: "read", path: dirname(path) },
    { name: "write", path: dirname(path) },
    { name: "net" },
  ];
  return needed.every((descriptor) =>
    Deno.permissions.querySync(descriptor).state === "granted"
  );
}

/**
 * Binds a Unix socket at its path itself, where nothing may be: for Deno with
 * permission for the path alone. The file has the mode of the umask for the
 * moment until its own is set.
 */
export async function listenInPlace(
  path: string,
  mode: number,
  bind: (path: string) => Promise<Listener>,
): Promise<Listener> {
  const listener = await bind(path);
  try {
    chmodSync(path, mode);
    return new InPlaceListener(path, idOf(lstatSync(path)), listener);
  } catch (error) {
    listener.close();
    throw error;
  }
}

/**
 * Deno removes whatever is at the path when it closes the socket. So one whose
 * path is another's by now stays open until the process ends, and nobody is
 * served on it.
 */
class InPlaceListener implements Listener {
  readonly addr: Addr;
  readonly #path: string;
  readonly #id: FileId;
  readonly #listener: Listener;
  #closed = false;
  #end = () => {};

  constructor(path: string, id: FileId, listener: Listener) {
    this.addr = { transport: "unix", path };
    this.#path = path;
    this.#id = id;
    this.#listener = listener;
  }

  accept(): Promise<Connection | null> {
    return new Promise((resolve, reject) => {
      if (this.#closed) return resolve(null);
      this.#end = () => resolve(null);
      this.#listener.accept().then((connection) => {
        if (this.#closed) connection?.close();
        else resolve(connection);
      }, reject);
    });
  }

  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    const found = lstatSync(this.#path, { throwIfNoEntry: false });
    if (found && idOf(found) !== this.#id) {
      this.#listener.unref?.();
    } else {
      // Deno removes it only after a turn, and the program may end before.
      if (found) unlinkSync(this.#path);
      this.#listener.close();
    }
    this.#end();
  }

  ref(): void {
    this.#listener.ref?.();
  }

  unref(): void {
    this.#listener.unref?.();
  }
}
