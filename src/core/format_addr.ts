import type { Addr } from "./transport.ts";

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
