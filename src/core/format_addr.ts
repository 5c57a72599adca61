import type { Addr, FdAddr } from "./transport.ts";

/**
 * Formats an address: `127.0.0.1:3000`, `[::1]:3000`, a path, or `@name` for an
 * abstract Unix socket; `unix:` for an unnamed peer.
 */
export function formatAddr(addr: Addr): string {
  if ("path" in addr) return addr.path.replace(/^\0/, "@") || "unix:";
  const { hostname, port } = addr;
  return hostname.includes(":")
    ? `[${hostname}]:${port}`
    : `${hostname}:${port}`;
}

/** Formats an address as a URL: `tcp://127.0.0.1:3000`, `unix:@name`, `fd://3`. */
export function formatEndpoint(addr: Addr | FdAddr): string {
  if (addr.transport === "fd") return `fd://${addr.fd}`;
  if (isAbstract(addr)) return `unix:${formatAddr(addr)}`;
  return `${addr.transport}://${formatAddr(addr)}`;
}

/** Reports whether an address is that of an abstract Unix socket: NUL and a name. */
export function isAbstract(addr: Addr | FdAddr): boolean {
  return "path" in addr && addr.path.startsWith("\0");
}
