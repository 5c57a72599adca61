/** The addresses of both ends of a connection. */
export interface Ends {
  readonly localAddress?: string | undefined;
  readonly localPort?: number | undefined;
  readonly remoteAddress?: string | undefined;
  readonly remotePort?: number | undefined;
}

/** Nobody listens: the connection was one to itself. */
export class SelfConnection extends Error {
  readonly code = "ECONNREFUSED";

  constructor() {
    super("connection refused");
  }
}

/**
 * The error for a connection whose two ends are the same, or undefined for any
 * other.
 *
 * Where nobody listens on a port from which this machine's own connections
 * start, TCP may connect a client to itself: it would get every byte back and
 * praise a server that is not there.
 */
export function refuseSelf(ends: Ends): SelfConnection | undefined {
  const { localAddress, localPort, remoteAddress, remotePort } = ends;
  if (
    remotePort === undefined || localPort !== remotePort ||
    localAddress !== remoteAddress
  ) return undefined;
  return new SelfConnection();
}
