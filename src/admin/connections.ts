import { formatAddr, formatEndpoint } from "../core/format_addr.ts";
import type { EchoServer } from "../core/server.ts";

/** What is told of an open connection. */
export interface ConnectionFigures {
  readonly id: number;
  /** The client's address. */
  readonly remote: string;
  /** The endpoint by which it came. */
  readonly endpoint: string;
  /** How long it has been open, in milliseconds. */
  readonly ageMs: number;
  /** How many bytes have been echoed. */
  readonly bytes: number;
  /** For how long nothing has moved, in milliseconds. */
  readonly idleMs: number;
}

/** Lists the newest connections of a server, newest first. */
export function listConnections(
  server: Pick<EchoServer, "connections">,
  limit: number,
): ConnectionFigures[] {
  if (limit === 0) return [];
  return server.connections().slice(-limit).reverse().map((connection) => ({
    id: connection.id,
    remote: formatAddr(connection.remoteAddr),
    endpoint: formatEndpoint(connection.listenerAddr),
    ageMs: Math.round(connection.duration),
    bytes: connection.bytes,
    idleMs: Math.round(connection.idle),
  }));
}

/** Merges lists of several servers into the list of one. */
export function mergeConnections(
  lists: readonly (readonly ConnectionFigures[])[],
  limit: number,
): ConnectionFigures[] {
  return lists.flat().sort((one, other) => one.ageMs - other.ageMs)
    .slice(0, limit);
}
