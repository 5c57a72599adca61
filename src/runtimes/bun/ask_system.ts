import { constants } from "node:os";
import process from "node:process";
import { groupsOf, parseIp } from "../../core/ip.ts";
import type { Addr } from "../../core/transport.ts";
import { errnoName } from "../errno_name.ts";

/** The part of `bun:ffi` that is used here. */
interface Ffi {
  dlopen(name: string, symbols: Record<string, unknown>): {
    readonly symbols: Readonly<Record<string, (...args: unknown[]) => number>>;
  };
  readonly read: { i32(pointer: number): number };
}

/** The C library, by what glibc and musl call it. */
const LIBRARIES = [
  "libc.so.6",
  `libc.musl-${process.arch === "arm64" ? "aarch64" : "x86_64"}.so.1`,
];

/** Numbers of Linux. */
const AF_UNIX = 1;
const AF_INET = 2;
const AF_INET6 = 10;
const SOCK_STREAM = 1;
const SOCK_DGRAM = 2;
const SOCK_NONBLOCK = 0o4000;
const SOCK_CLOEXEC = 0o2000000;
const SOL_SOCKET = 1;
const SO_ERROR = 4;
const POLLOUT = 4;

/** How often to look whether a connection has been opened or refused, in milliseconds. */
const INTERVAL = 10;

/**
 * Tries to connect, and resolves with the POSIX name of the system's error: Bun
 * says `ECONNREFUSED` for most of them. Resolves with null if it connects, and with
 * undefined if there is no answer in time, or if the system cannot be asked: that
 * takes Linux.
 *
 * @param addr A Unix socket, or an IP address and a port.
 * @param timeout How long to wait for an answer, in milliseconds.
 */
export async function askSystem(
  addr: Addr,
  timeout: number,
): Promise<string | null | undefined> {
  const address = socketAddress(addr);
  const libc = await loadLibc();
  if (!address || !libc) return undefined;
  const [family = 0] = new Uint16Array(address.slice(0, 2).buffer);
  const kind = addr.transport === "udp" ? SOCK_DGRAM : SOCK_STREAM;
  const flags = SOCK_NONBLOCK | SOCK_CLOEXEC;
  const descriptor = libc.socket(family, kind | flags, 0);
  if (descriptor < 0) return errnoName(libc.errno());
  try {
    if (libc.connect(descriptor, address, address.length) === 0) return null;
    const number = libc.errno();
    if (number !== constants.errno.EINPROGRESS) return errnoName(number);
    const deadline = performance.now() + timeout;
    while (!libc.isWritable(descriptor)) {
      if (performance.now() >= deadline) return undefined;
      await new Promise((resolve) => setTimeout(resolve, INTERVAL));
    }
    const error = libc.socketError(descriptor);
    return error === 0 ? null : errnoName(error);
  } finally {
    libc.close(descriptor);
  }
}

/** The address as the system has it; undefined if it has a name or a zone in it. */
function socketAddress(addr: Addr): Uint8Array | undefined {
  if ("path" in addr) {
    const path = new TextEncoder().encode(addr.path);
    // The name of an abstract socket is as long as it is; a path ends with NUL.
    const isAbstract = path[0] === 0;
    return withFamily(AF_UNIX, isAbstract ? path : [...path, 0]);
  }
  const { hostname, port } = addr;
  const ip = parseIp(hostname);
  if (ip === undefined || hostname.includes("%")) return undefined;
  const bigEndian = (number: number) => [number >> 8, number & 255];
  if (!ip.includes(":")) {
    const numbers = ip.split(".").map(Number);
    const padding = Array(8).fill(0);
    return withFamily(AF_INET, [...bigEndian(port), ...numbers, ...padding]);
  }
  const numbers = groupsOf(ip).flatMap((group) =>
    bigEndian(parseInt(group, 16))
  );
  return withFamily(AF_INET6, [
    ...bigEndian(port),
    ...[0, 0, 0, 0],
    ...numbers,
    ...[0, 0, 0, 0],
  ]);
}

function withFamily(family: number, rest: Iterable<number>): Uint8Array {
  const bytes = new Uint8Array(Uint16Array.of(family).buffer);
  return Uint8Array.of(...bytes, ...rest);
}

/** The functions of the C library; undefined where it is not found. */
async function loadLibc() {
  if (process.platform !== "linux") return undefined;
  const name = "bun:ffi";
  const { dlopen, read }: Ffi = await import(name);
  for (const library of LIBRARIES) {
    try {
      const { symbols } = dlopen(library, {
        socket: { args: ["i32", "i32", "i32"], returns: "i32" },
        connect: { args: ["i32", "ptr", "u32"], returns: "i32" },
        poll: { args: ["ptr", "u64", "i32"], returns: "i32" },
        getsockopt: {
          args: ["i32", "i32", "i32", "ptr", "ptr"],
          returns: "i32",
        },
        close: { args: ["i32"], returns: "i32" },
        __errno_location: { args: [], returns: "ptr" },
      });
      const { socket, connect, close, poll, getsockopt } = symbols;
      const errno = symbols["__errno_location"];
      if (!socket || !connect || !close || !poll || !getsockopt || !errno) {
        return undefined;
      }
      return {
        socket,
        connect,
        close,
        errno: () => read.i32(errno()),
        isWritable(descriptor: number) {
          // struct pollfd: a descriptor, and two sets of events.
          const entry = Int32Array.of(descriptor, POLLOUT);
          return poll(entry, 1, 0) !== 0;
        },
        socketError(descriptor: number) {
          const error = new Int32Array(1);
          const length = Int32Array.of(4);
          getsockopt(descriptor, SOL_SOCKET, SO_ERROR, error, length);
          return error[0] ?? 0;
        },
      };
    } catch {
      // It is not that one.
    }
  }
  return undefined;
}
