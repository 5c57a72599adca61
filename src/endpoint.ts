import type { Addr } from "./transport.ts";

/** An address as people write it: `127.0.0.1:3000`, `[::1]:3000` or a path. */
export function formatAddr(addr: Addr): string {
  if ("path" in addr) return addr.path;
  const { hostname, port } = addr;
  return hostname.includes(":")
    ? `[${hostname}]:${port}`
    : `${hostname}:${port}`;
}

/** An address as a URL: `tcp://127.0.0.1:3000`. */
export function formatEndpoint(addr: Addr): string {
  return `${addr.transport}://${formatAddr(addr)}`;
}
