import { formatEndpoint } from "./endpoint.ts";
import { loadRuntime } from "./runtime.ts";
import type { Listener, ListenOptions } from "./transport.ts";

/**
 * How many connections may wait to be accepted. The usual few hundred overflow
 * in a burst, and each connection dropped then costs its client a second. The
 * system lowers it to what it allows.
 */
const BACKLOG = 4096;

/** What the commonest errors mean, by their POSIX name. */
const REASONS: Readonly<Record<string, string>> = {
  EADDRINUSE: "address already in use",
  EADDRNOTAVAIL: "not an address of this machine",
  EACCES: "permission denied (ports below 1024 are for privileged users)",
};

/**
 * Binds a TCP socket, on the runtime at hand. Connections have `TCP_NODELAY`
 * and keep-alive on.
 *
 * @example
 * ```ts
 * import { listen } from "@echod/echod";
 *
 * const listener = await listen({ hostname: "127.0.0.1", port: 0 });
 * console.log(listener.addr);
 * listener.close();
 * ```
 *
 * @returns A promise of the bound listener. It rejects with an Error that says
 * what could not be bound and why, with the runtime's own error as its `cause`;
 * with a TypeError for an option of the wrong type, and with a RangeError for a
 * port out of range.
 */
export async function listen(options: ListenOptions = {}): Promise<Listener> {
  const { hostname = "127.0.0.1", port = 3000 } = options;
  if (typeof hostname !== "string" || hostname === "") {
    throw new TypeError(
      `Cannot listen: hostname must be a string that is not empty, but is ${hostname}`,
    );
  }
  if (!Number.isInteger(port)) {
    throw new TypeError(
      `Cannot listen: port must be a whole number, but is ${port}`,
    );
  }
  if (port < 0 || port > 65535) {
    throw new RangeError(
      `Cannot listen: port must be 0 to 65535, but is ${port}`,
    );
  }
  const runtime = await loadRuntime();
  try {
    return await runtime.listen(hostname, port, BACKLOG);
  } catch (cause) {
    const endpoint = formatEndpoint({ transport: "tcp", hostname, port });
    throw new Error(`Cannot listen on ${endpoint}: ${explain(cause)}`, {
      cause,
    });
  }
}

function explain(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  const code = "code" in error ? String(error.code) : "";
  return REASONS[code] ?? error.message;
}
