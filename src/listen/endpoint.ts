import type { Addr } from "../core/transport.ts";

/** The forms of an endpoint. */
const EXPECTED =
  "tcp://HOST:PORT, tls://HOST:PORT, udp://HOST:PORT or unix:///PATH";

/**
 * Formats an address: `127.0.0.1:3000`, `[::1]:3000` or a path; `unix:` for an
 * unnamed peer.
 */
export function formatAddr(addr: Addr): string {
  if ("path" in addr) return addr.path || "unix:";
  const { hostname, port } = addr;
  return hostname.includes(":")
    ? `[${hostname}]:${port}`
    : `${hostname}:${port}`;
}

/** Formats an address as a URL: `tcp://127.0.0.1:3000`. */
export function formatEndpoint(addr: Addr): string {
  return `${addr.transport}://${formatAddr(addr)}`;
}

/**
 * Parses a URL to an address; `tcp://:3000` is every address of the machine. Throws
 * a SyntaxError that says what was expected.
 */
export function parseEndpoint(url: string): Addr {
  const fail = (expected: string) =>
    new SyntaxError(
      `Invalid endpoint ${JSON.stringify(url)}: expected ${expected}`,
    );
  const [, scheme, rest = ""] = /^(\w+):\/\/(.*)$/s.exec(url) ?? [];
  if (scheme === "unix") {
    if (!/^\/.*[^/]$/s.test(rest)) throw fail("unix:///PATH, a file's path");
    return { transport: scheme, path: rest };
  }
  if (scheme !== "tcp" && scheme !== "tls" && scheme !== "udp") {
    throw fail(EXPECTED);
  }

  const [, bracketed, plain, digits, tail] =
    /^(?:\[([^\]]*)\]|([^:/]*))(?::(\d+))?(.*)$/s.exec(rest) ?? [];
  if (digits === undefined) throw fail(`${scheme}://HOST:PORT, with a port`);
  if (tail) throw fail(`${scheme}://HOST:PORT, and nothing after the port`);
  const port = Number(digits);
  if (port > 65535) throw fail("a port from 0 to 65535");
  return { transport: scheme, hostname: bracketed || plain || "::", port };
}

/** Reports whether several sockets can share an address. UDP cannot, on Deno for one. */
export function canBeShared({ transport }: Addr): boolean {
  return transport === "tcp" || transport === "tls";
}
