/** The addresses of both ends of a connection. */
export interface Ends {
  readonly localAddress?: string | undefined;
  readonly localPort?: number | undefined;
  readonly remoteAddress?: string | undefined;
  readonly remotePort?: number | undefined;
}

/**
 * The error for a connection whose two ends are the same, or undefined for any
 * other.
 *
 * Where nobody listens on a port from which this machine's own connections
 * start, TCP may connect a client to itself: it would get every byte back and
 * praise a server that is not there.
 */
export function refuseSelf(ends: Ends): Error | undefined {
  const { localAddress, localPort, remoteAddress, remotePort } = ends;
  if (
    remotePort === undefined || localPort !== remotePort ||
    localAddress !== remoteAddress
  ) return undefined;
  return Object.assign(new Error("connection refused"), {
    code: "ECONNREFUSED",
  });
}
