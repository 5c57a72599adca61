import { Counts, type Sums } from "../../core/counts.ts";
import type { RefusalDetails, RefuseReason } from "../../core/serve_options.ts";
import type { ShutdownOptions, Stats } from "../../core/echo_server.ts";
import { serveCounting } from "../../core/server.ts";
import type {
  ClosedConnection,
  ServedConnection,
} from "../../core/serve_options.ts";
import type {
  ConnectionFigures,
  Survey,
  Surveyor,
} from "../../admin/connections.ts";
import type { Addr } from "../../core/transport.ts";
import { makeAdmit } from "../../listen/networks.ts";
import type { EndpointSettings } from "./endpoint_settings.ts";
import type { Settings } from "./settings.ts";
import { openAll, reloadAll } from "./open_endpoints.ts";
import { explain } from "../../core/error_message.ts";

/** A connection that has just been accepted. */
export type Newcomer = Pick<ServedConnection, "id" | "remoteAddr" | "via">;

/** Receives the events of a server. */
export interface Observer {
  onRefuse(
    remoteAddr: Addr,
    reason: RefuseReason,
    details: RefusalDetails,
  ): void;
  onOpen(connection: Newcomer): void;
  onClose(connection: ClosedConnection): void;
  /** Something is wrong with the server itself. */
  onError(message: string): void;
}

/** A running server, or several workers that act as one. */
export interface Serving {
  /** What it listens on, with the real ports. */
  readonly endpoints: readonly EndpointSettings[];
  /** Resolves with the totals when it has ended. */
  readonly finished: Promise<Sums>;
  /** The memory of the meters of its event loops; empty without `--admin`. */
  readonly delays: readonly ArrayBufferLike[];
  /** Lists the newest connections, newest first; only with `--admin`. */
  connections(limit: number): Promise<readonly ConnectionFigures[]>;
  /** Surveys the connections; only with `--admin`. */
  survey(limit: number): Promise<Survey>;
  /** Returns a snapshot of its numbers. */
  stats(): Omit<Stats, "peak">;
  /**
   * Reads certificate and key anew; resolves with how many endpoints have them.
   * Rejects with the line to print.
   */
  reload(): Promise<number>;
  /** Shuts it down. Resolves with the number of open connections. */
  shutdown(options: ShutdownOptions): Promise<number>;
}

/**
 * Serves in this thread. Rejects when it cannot listen.
 *
 * @param makeCounts Makes the counts for so many listeners.
 */
export async function serveInThread(
  settings: Settings,
  observer: Observer,
  makeCounts: (listeners: number) => Counts = newCounts,
): Promise<Serving & { readonly counts: Counts }> {
  const { once, allow, deny } = settings;
  const isFiltered = allow.length > 0 || deny.length > 0;
  const admit = isFiltered ? await makeAdmit(allow, deny) : undefined;
  const opened = await openAll(settings);
  const listeners = opened.map(({ listener }) => listener);
  const counts = makeCounts(listeners.length);
  const server = serveCounting(listeners, {
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
  }, counts);
  let surveyor: Surveyor | undefined;
  // From now on, the server looks after how long its connections are idle.
  if (settings.admin) server.connections();
  return {
    endpoints: opened.map(({ endpoint }) => endpoint),
    counts,
    delays: settings.admin ? [await measureDelays()] : [],
    finished: server.finished.then(() => server.stats()),
    stats: () => server.stats(),
    async survey(limit) {
      const { Surveyor } = await import("../../admin/connections.ts");
      surveyor ??= new Surveyor(server);
      return surveyor.survey(limit);
    },
    async connections(limit) {
      const { listConnections } = await import("../../admin/connections.ts");
      return listConnections(server, limit);
    },
    reload: () => reloadAll(listeners, settings),
    shutdown(options) {
      const { active } = server.stats();
      server.shutdown(options);
      return Promise.resolve(active);
    },
  };
}

/** Measures the delays of this thread, in memory that can be shared. */
async function measureDelays(): Promise<ArrayBufferLike> {
  const { DelayMeter } = await import("../../admin/event_loop_delay.ts");
  const memory = new SharedArrayBuffer(DelayMeter.SIZE);
  new DelayMeter(memory);
  return memory;
}

function newCounts(listeners: number): Counts {
  return new Counts(new ArrayBuffer(Counts.sizeFor(listeners)));
}
