import type { Connection } from "./transport.ts";

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

/** Throws a TypeError if the address of a connection is none. */
export function checkAddr(addr: unknown): void {
  if (typeof addr === "object" && addr !== null) return;
  throw new TypeError(
    `Cannot serve: remoteAddr of the connection is ${
      String(addr)
    }, which is no address`,
  );
}

/** The error of a pipe that breaks its contract: no sum could be right after it. */
export function wrongCount(count: unknown): TypeError {
  return new TypeError(
    `Cannot echo: pipe() of the connection reported ${
      String(count)
    }, which is not a number of bytes`,
  );
}
