import { combine } from "../../core/combine.ts";
import type { RefuseReason } from "../../core/admission.ts";
import { serve } from "../../core/server.ts";
import type {
  ClosedConnection,
  OpenConnection,
} from "../../core/serve_options.ts";
import type { Stats } from "../../core/server.ts";
import type { Addr } from "../../core/transport.ts";
import { makeAdmit } from "./networks.ts";
import type { Settings } from "./settings.ts";
import { openAll, reloadAll } from "./open_endpoints.ts";
import { explain } from "../../core/error_message.ts";

/** Is told what happens. */
export interface Observer {
  onRefuse(remoteAddr: Addr, reason: RefuseReason): void;
  onOpen(connection: OpenConnection): void;
  onClose(connection: ClosedConnection): void;
  /** Something is wrong with the server itself. */
  onError(message: string): void;
}

/** What has been done altogether. */
export type Totals = Omit<Stats, "active" | "peak" | "startedAt">;

/** What serves: one server, or several that look like one. */
export interface Serving {
  /** Where it listens. */
  readonly addrs: readonly Addr[];
  /** Resolves with what it has done, when it has ended. */
  readonly finished: Promise<Totals>;
  /**
   * Reads certificate and key anew; resolves with how many endpoints have them.
   * Rejects with the line to print.
   */
  reload(): Promise<number>;
  /** Shuts it down; resolves with how many connections are open. */
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
  const listeners = await openAll(settings);
  const server = serve(combine(listeners), {
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
      // A connection's own error is its client's affair: its reason says it.
      if (connection) return;
      observer.onError(
        `Cannot accept connections for now: ${explain(error)}`,
      );
    },
  });
  return {
    addrs: listeners.map(({ addr }) => addr),
    finished: server.finished.then(() => server.stats()),
    reload: () => reloadAll(listeners, settings),
    shutdown(grace) {
      const { active } = server.stats();
      server.shutdown({ grace });
      return Promise.resolve(active);
    },
  };
}
