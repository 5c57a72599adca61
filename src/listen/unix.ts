import { chmodSync, linkSync, lstatSync, unlinkSync } from "node:fs";
import { connect } from "node:net";
import { basename, dirname, join } from "node:path";
import process from "node:process";
import { codeOf } from "../core/error_message.ts";
import { type FileId, idOf } from "./file_id.ts";
import { listenInPlace, mayUseDirectory } from "./unix_in_place.ts";
import { askSystem } from "../runtimes/bun/ask_system.ts";
import { LONGEST_PATH, sizeOf } from "../runtimes/unix_path.ts";
import type { Addr, Connection, Listener } from "../core/transport.ts";

/** The length of the temporary name of a socket, if there is room. */
const TEMPORARY_LENGTH = 16;

/**
 * Binds a Unix socket where there is none, or one that nobody listens on any
 * more; anything else that is there is left alone, and an error.
 *
 * The socket is bound under another name in the same directory, and gets its own
 * once it has its mode: nobody sees it before, and the runtime, which removes
 * the path that it has bound without a look at it, finds nothing there.
 *
 * @param path The path, or NUL and the name of an abstract socket (Linux), which
 * has no file and no mode.
 * @param bind Binds the path that it is given, which is free.
 */
export async function listenUnix(
  path: string,
  mode: number,
  bind: (path: string) => Promise<Listener>,
): Promise<Listener> {
  if (sizeOf(path) > LONGEST_PATH) {
    throw Object.assign(
      new Error(`name too long: a path can have ${LONGEST_PATH} bytes at most`),
      { code: "ENAMETOOLONG" },
    );
  }
  if (path.startsWith("\0")) {
    if (process.platform !== "linux") {
      throw new Error(
        `only Linux has abstract sockets, and this is ${process.platform}`,
      );
    }
    return await bind(path);
  }
  const found = lstatSync(path, { throwIfNoEntry: false });
  if (found && !found.isSocket()) {
    throw new Error("what is there is not a socket");
  }
  if (found && await isLive(path)) {
    const code = "EADDRINUSE";
    throw Object.assign(new Error("address already in use"), { code });
  }

  if (!mayUseDirectory(path)) {
    if (found) removeIfStill(path, idOf(found));
    return await listenInPlace(path, mode, bind);
  }
  const temporary = freeNameBeside(path);
  const listener = await bind(temporary);
  try {
    chmodSync(temporary, mode);
    if (found) removeIfStill(path, idOf(found));
    // Unlike a rename, it fails if there is something by now.
    linkSync(temporary, path);
    unlinkSync(temporary);
    const own = lstatSync(path);
    return new UnixListener(path, idOf(own), listener);
  } catch (error) {
    listener.close();
    if (codeOf(error) === "EEXIST") {
      throw Object.assign(
        new Error("address already in use", { cause: error }),
        { code: "EADDRINUSE" },
      );
    }
    throw error;
  }
}

/** A path that is not taken, and no longer than a socket's can be. */
function freeNameBeside(path: string): string {
  const room = LONGEST_PATH - sizeOf(join(dirname(path), "x")) + 1;
  const length = Math.min(
    TEMPORARY_LENGTH,
    Math.max(room, sizeOf(basename(path))),
  );
  for (;;) {
    const name = crypto.randomUUID().replaceAll("-", "").slice(0, length);
    const free = join(dirname(path), name);
    if (!lstatSync(free, { throwIfNoEntry: false })) return free;
  }
}

/** Reports whether a process has the socket: only a refusal means that none has. */
function isLive(path: string): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(path, () => {
      socket.destroy();
      resolve(true);
    });
    socket.once("error", async (error) => {
      const code = "code" in error ? error.code : undefined;
      if (code === "ENOENT") resolve(false);
      else if (code !== "ECONNREFUSED") resolve(true);
      // Bun calls every failure that.
      else if (!("bun" in process.versions)) resolve(false);
      else {
        const reason = await askSystem({ transport: "unix", path }, 0);
        // Where the system cannot be asked, Bun is believed.
        resolve(reason !== undefined && reason !== "ECONNREFUSED");
      }
    });
  });
}

function removeIfStill(path: string, id: FileId): void {
  const found = lstatSync(path, { throwIfNoEntry: false });
  if (found && idOf(found) === id) unlinkSync(path);
}

/** Removes its file in the end, if it is still its own. */
class UnixListener implements Listener {
  readonly addr: Addr;
  readonly #path: string;
  readonly #id: FileId;
  readonly #listener: Listener;
  #closed = false;

  constructor(path: string, id: FileId, listener: Listener) {
    this.addr = { transport: "unix", path };
    this.#path = path;
    this.#id = id;
    this.#listener = listener;
  }

  accept(): Promise<Connection | null> {
    return this.#listener.accept();
  }

  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    // Before it is closed: then its number can be another file's.
    try {
      removeIfStill(this.#path, this.#id);
    } catch {
      // It cannot be removed; the next server finds that nobody listens.
    }
    this.#listener.close();
  }

  ref(): void {
    this.#listener.ref?.();
  }

  unref(): void {
    this.#listener.unref?.();
  }
}
