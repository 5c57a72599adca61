import { constants } from "node:os";
import process from "node:process";

/** What is used of `bun:ffi`. */
interface Ffi {
  dlopen(name: string, symbols: Record<string, unknown>): {
    readonly symbols: Readonly<Record<string, (...args: unknown[]) => number>>;
  };
  readonly read: { i32(pointer: number): number };
}

/**
 * Whether the system refuses a connection to a Unix socket with `ECONNREFUSED`,
 * which Bun says whatever the system has said. It asks the C library, on Linux;
 * elsewhere Bun is believed.
 */
export async function isRefused(path: string): Promise<boolean> {
  if (process.platform !== "linux") return true;
  const name = "bun:ffi";
  const { dlopen, read }: Ffi = await import(name);
  const { symbols } = dlopen("libc.so.6", {
    socket: { args: ["i32", "i32", "i32"], returns: "i32" },
    connect: { args: ["i32", "ptr", "u32"], returns: "i32" },
    close: { args: ["i32"], returns: "i32" },
    __errno_location: { args: [], returns: "ptr" },
  });
  const { socket, connect, close, __errno_location: errno } = symbols;
  if (!socket || !connect || !close || !errno) return true;
  // AF_UNIX; SOCK_STREAM, SOCK_CLOEXEC and SOCK_NONBLOCK.
  const descriptor = socket(1, 1 | 0o2000000 | 0o4000, 0);
  const address = new Uint8Array(110);
  new Uint16Array(address.buffer, 0, 1)[0] = 1;
  address.set(new TextEncoder().encode(path), 2);
  const failed = connect(descriptor, address, address.length) !== 0;
  const reason = read.i32(errno());
  close(descriptor);
  return failed && reason === constants.errno.ECONNREFUSED;
}
