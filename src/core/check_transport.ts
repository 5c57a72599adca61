import type { Addr, Connection } from "./transport.ts";

/** Throws a TypeError if a listener is none. */
export function checkListener(listener: unknown): void {
  if (typeof listener !== "object" || listener === null) {
    throw new TypeError(
      `Cannot serve: the listener must be an object, but is ${listener}`,
    );
  }
  if ("then" in listener) {
    throw new TypeError(
      "Cannot serve a promise: write serve(await listen(…)), with await",
    );
  }
  const missing = ["addr", "accept", "close"].filter((name) =>
    !(name in listener)
  );
  if (missing.length > 0) {
    throw new TypeError(
      `Cannot serve: the listener has no ${missing.join(" and no ")}`,
    );
  }
}

/** Throws a TypeError if what `accept()` of a listener resolved with is no connection. */
export function checkConnection(connection: Connection): void {
  if (typeof connection === "object" && "remoteAddr" in connection) return;
  throw new TypeError(
    `Cannot serve: accept() of the listener resolved with ${
      String(connection)
    }, which is no connection`,
  );
}

/**
 * Returns an address in the form of ours: those of Deno have no prototype, so that
 * they cannot be printed, and have null as the path of an unnamed peer.
 *
 * @param what What it is, for example "remoteAddr of the connection".
 * @throws {TypeError} If it is none.
 */
export function readAddr<A extends Addr>(addr: A, what: string): A {
  const path = checkAddr(addr, what);
  if (path === null) return { ...addr, path: "" };
  return Object.getPrototypeOf(addr) === null ? { ...addr } : addr;
}

/** Throws a TypeError if an address is none. Returns its path, if it has one. */
function checkAddr(addr: unknown, what: string): string | null | undefined {
  if (typeof addr === "object" && addr !== null) {
    if ("path" in addr) {
      const { path } = addr;
      if (typeof path === "string" || path === null) return path;
    } else if ("hostname" in addr && "port" in addr) {
      const { hostname, port } = addr;
      if (typeof hostname === "string" && typeof port === "number") return;
    }
  }
  const given = typeof addr === "object" && addr !== null
    ? "an object without hostname and port, or path"
    : String(addr);
  throw new TypeError(`Cannot serve: ${what} is ${given}, which is no address`);
}

/** The error of a pipe that breaks its contract: no sum could be right after it. */
export function wrongCount(count: unknown): TypeError {
  return new TypeError(
    `Cannot echo: pipe() of the connection reported ${
      String(count)
    }, which is not a number of bytes`,
  );
}
