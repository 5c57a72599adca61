import type { RefuseReason } from "../../core/serve_options.ts";
import { serve } from "../../core/server.ts";
import type {
  ClosedConnection,
  ServedConnection,
} from "../../core/serve_options.ts";
import type { Stats } from "../../core/server.ts";
import type { Addr } from "../../core/transport.ts";
import { makeAdmit } from "./networks.ts";
import type { EndpointSettings } from "./endpoint_settings.ts";
import type { Settings } from "./settings.ts";
import { openAll, reloadAll } from "./open_endpoints.ts";
import { explain } from "../../core/error_message.ts";

/** A connection that has just been accepted. */
export type Newcomer = Pick<ServedConnection, "id" | "remoteAddr">;

/** Receives the events of a server. */
export interface Observer {
  onRefuse(remoteAddr: Addr, reason: RefuseReason): void;
  onOpen(connection: Newcomer): void;
  onClose(connection: ClosedConnection): void;
  /** Something is wrong with the server itself. */
  onError(message: string): void;
}

/** The totals of a server that has ended. */
export type Totals = Omit<Stats, "active" | "peak" | "startedAt">;

/** A running server, or several workers that act as one. */
export interface Serving {
  /** What it listens on, with the real ports. */
  readonly endpoints: readonly EndpointSettings[];
  /** Resolves with the totals when it has ended. */
  readonly finished: Promise<Totals>;
  /**
   * Reads certificate and key anew; resolves with how many endpoints have them.
   * Rejects with the line to print.
   */
  reload(): Promise<number>;
  /** Shuts it down. Resolves with the number of open connections. */
  shutdown(grace: number): Promise<number>;
}

/** Serves in this thread. Rejects when it cannot listen. */
export async function serveHere(
  settings: Settings,
  observer: Observer,
): Promise<Serving> {
  const { once, allow, deny } = settings;
  const isFiltered = allow.length > 0 || deny.length > 0;
  const admit = isFiltered ? await makeAdmit(allow, deny) : undefined;
  const opened = await openAll(settings);
  const listeners = opened.map(({ listener }) => listener);
  const server = serve(listeners, {
    maxConnections: once ? 1 : settings.maxConnections,
    maxConnectionsPerHost: settings.maxPerHost,
    idleTimeout: settings.idleTimeout,
    maxLifetime: settings.maxLifetime,
    maxBytes: settings.maxBytes,
    admit,
    onRefuse: observer.onRefuse,
    onOpen(connection) {
      observer.onOpen(connection);
      if (once) server.shutdown();
    },
    onClose: observer.onClose,
    onError(error, connection) {
      // The close reason already tells about the error of a connection.
      if (connection) return;
      observer.onError(
        `Cannot accept connections for now: ${explain(error)}`,
      );
    },
  });
  return {
    endpoints: opened.map(({ endpoint }) => endpoint),
    finished: server.finished.then(() => server.stats()),
    reload: () => reloadAll(listeners, settings),
    shutdown(grace) {
      const { active } = server.stats();
      server.shutdown({ grace });
      return Promise.resolve(active);
    },
  };
}
