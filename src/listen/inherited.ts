import { closeSync, openSync, readlinkSync, readSync } from "node:fs";
import process from "node:process";
import { codeOf } from "../core/error_message.ts";
import type { Listener } from "../core/transport.ts";

/** What the system says of a socket. */
interface Found {
  readonly listens: boolean;
  /** The path, if it is a Unix socket; empty without one. */
  readonly path: string;
}

/** How much of a table is read at a time, in bytes. */
const CHUNK = 64 * 1024;
/** The state of a listening socket, in the tables of TCP. */
const LISTENING = "0A";
/** The flag of a listening socket, and the type of a stream, in the table of Unix sockets. */
const ACCEPTS = 0x10000;
const STREAM = "0001";

/**
 * Takes over an inherited socket.
 *
 * The runtimes take any socket that can be made to listen. One that does not listen
 * yet is refused here, where the system tells: on Linux, and on Deno with all
 * permissions.
 *
 * @param listen Takes over the socket, whose path is given where it is known.
 */
export async function listenInherited(
  fd: number,
  listen: (path: string) => Promise<Listener>,
): Promise<Listener> {
  const inode = mayAsk() ? inodeOf(fd) : undefined;
  if (inode === null) throw noListener();
  const found = inode === undefined ? undefined : find(inode);
  if (found?.listens === false) throw noListener();
  const listener = await listen(found?.path ?? "").catch((error) => {
    throw codeOf(error) === undefined ? error : noListener(error);
  });
  // A socket of TCP that does not listen is in no table; nor is one of another network
  // namespace. That it listens now tells which it was.
  if (inode !== undefined && !found && find(inode)) {
    listener.close();
    throw noListener();
  }
  return listener;
}

function noListener(cause?: unknown): Error {
  return new Error(
    "expected a listening socket, TCP or Unix, from the process that started this one",
    { cause },
  );
}

/** Whether the system may be asked. Deno is not asked for permissions here. */
function mayAsk(): boolean {
  if (process.platform !== "linux") return false;
  if (!("Deno" in globalThis)) return true;
  // Nothing less is enough to read /proc.
  const names = ["read", "write", "net", "env", "sys", "run", "ffi"] as const;
  return names.every((name) =>
    Deno.permissions.querySync({ name }).state === "granted"
  );
}

/** The inode of a socket; null if there is none, undefined if nothing is known. */
function inodeOf(fd: number): string | null | undefined {
  try {
    const target = readlinkSync(`/proc/self/fd/${fd}`);
    return /^socket:\[(\d+)\]$/.exec(target)?.[1] ?? null;
  } catch (error) {
    return codeOf(error) === "ENOENT" ? null : undefined;
  }
}

/** Finds a stream socket; undefined if none is known. */
function find(inode: string): Found | undefined {
  for (const line of linesOf("/proc/self/net/unix")) {
    const [, , , flags = "", type, , own, path = ""] = line.split(/ +/);
    if (own !== inode) continue;
    const listens = type === STREAM && (parseInt(flags, 16) & ACCEPTS) !== 0;
    return { listens, path: path.replace(/^@/, "\0") };
  }
  for (const table of ["tcp", "tcp6"]) {
    for (const line of linesOf(`/proc/self/net/${table}`)) {
      const fields = line.trim().split(/ +/);
      if (fields[9] === inode) {
        return { listens: fields[3] === LISTENING, path: "" };
      }
    }
  }
  return undefined;
}

/** The lines of a table. It can be long, but those who listen come first. */
function* linesOf(path: string): Generator<string> {
  let file: number;
  try {
    file = openSync(path, "r");
  } catch {
    // Without IPv6 there is no such table.
    return;
  }
  try {
    const decoder = new TextDecoder();
    const chunk = new Uint8Array(CHUNK);
    let rest = "";
    for (let count; (count = readSync(file, chunk)) > 0;) {
      const text = decoder.decode(chunk.subarray(0, count), { stream: true });
      const lines = (rest + text).split("\n");
      rest = lines.pop() ?? "";
      yield* lines;
    }
  } finally {
    closeSync(file);
  }
}
