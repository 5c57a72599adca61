import { formatAddr, formatEndpoint } from "../core/format_addr.ts";
import type { OpenConnection } from "../core/serve_options.ts";
import type { EchoServer } from "../core/echo_server.ts";

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

/** The newest connections, and how busy all of them are. */
export interface Survey {
  readonly connections: readonly ConnectionFigures[];
  /** The bytes a second of each connection over which something has moved. */
  readonly rates: readonly number[];
}

/** After so long a survey begins anew, in milliseconds. */
const STALE = 5_000;

/** Surveys the connections of a server, again and again. */
export class Surveyor {
  readonly #server: Pick<EchoServer, "connections">;
  /** The bytes of each connection at the last survey, by number. */
  #before = new Map<number, number>();
  #at = -Infinity;

  constructor(server: Pick<EchoServer, "connections">) {
    this.#server = server;
  }

  /** Lists the newest connections, and the rates of all since the last survey. */
  survey(limit: number): Survey {
    const at = performance.now();
    const seconds = (at - this.#at) / 1000;
    const isNew = at - this.#at > STALE;
    const before = new Map<number, number>();
    const rates: number[] = [];
    const all = this.#server.connections();
    for (const { id, bytes } of all) {
      const former = isNew ? undefined : this.#before.get(id);
      if (former !== undefined && bytes > former) {
        rates.push((bytes - former) / seconds);
      }
      before.set(id, bytes);
    }
    this.#before = before;
    this.#at = at;
    return { connections: describeNewest(all, limit), rates };
  }
}

/** Lists the newest connections of a server, newest first. */
export function listConnections(
  server: Pick<EchoServer, "connections">,
  limit: number,
): ConnectionFigures[] {
  return describeNewest(server.connections(), limit);
}

function describeNewest(
  connections: readonly OpenConnection[],
  limit: number,
): ConnectionFigures[] {
  if (limit === 0) return [];
  return connections.slice(-limit).reverse().map((connection) => ({
    id: connection.id,
    remote: formatAddr(connection.remoteAddr),
    endpoint: formatEndpoint(connection.listenerAddr),
    ageMs: Math.round(connection.duration),
    bytes: connection.bytes,
    idleMs: Math.round(connection.idle),
  }));
}

/** Merges the surveys of several servers into that of one. */
export function mergeSurveys(
  surveys: readonly Survey[],
  limit: number,
): Survey {
  return {
    connections: surveys.flatMap(({ connections }) => connections)
      .sort((one, other) => one.ageMs - other.ageMs).slice(0, limit),
    rates: surveys.flatMap(({ rates }) => rates),
  };
}
