/**
 * The admin listener of an echo server: metrics for Prometheus, health and a
 * live page, over HTTP.
 *
 * @example
 * ```ts
 * import { listen, serve } from "@echod/echod";
 * import { admin } from "@echod/echod/admin";
 *
 * await using server = serve(await listen({ port: 0 }));
 * await using watched = await admin(server);
 * const response = await fetch(`${watched.url}metrics`);
 * console.log(await response.text());
 * ```
 *
 * @module
 */
import { type AdminServer, serveAdmin } from "./admin/admin_server.ts";
import { listConnections, Surveyor } from "./admin/connections.ts";
import { DelayMeter, readDelays } from "./admin/event_loop_delay.ts";
import { describeLimits } from "./admin/limits.ts";
import type { Source } from "./admin/source.ts";
import type { EchoServer } from "./core/echo_server.ts";
import { formatEndpoint } from "./core/format_addr.ts";
import { formatFaults } from "./faults/format_faults.ts";
import { listen } from "./listen/listen.ts";

export type { AdminServer };

/** Options of {@linkcode admin}. */
export interface AdminOptions {
  /**
   * The address to listen on, or a name that resolves to it. Whoever can reach it
   * sees the addresses of the clients.
   *
   * @default {"127.0.0.1"}
   */
  readonly hostname?: string | undefined;
  /**
   * The port, 0 to 65535; 0 takes any free one.
   *
   * @default {0}
   */
  readonly port?: number | undefined;
  /**
   * The names by which it may be asked, besides its address and `localhost`. A
   * request with another `Host` gets 403, so that no page of a browser can read it
   * by a name of its own.
   *
   * @default {[]}
   */
  readonly hosts?: readonly string[] | undefined;
}

/** All options. */
const NAMES: ReadonlySet<string> = new Set(
  ["hostname", "port", "hosts"] satisfies (keyof AdminOptions)[],
);

/**
 * Opens the admin listener of a server. It stays open when the server has ended,
 * until it is closed.
 *
 * @returns A promise of the listener. It rejects as `listen` does if it cannot be
 * bound, and with a TypeError for an option that is unknown or of the wrong type.
 */
export async function admin(
  server: EchoServer,
  options: AdminOptions = {},
): Promise<AdminServer> {
  for (const name of Object.keys(options)) {
    if (NAMES.has(name)) continue;
    const names = [...NAMES].join(", ");
    throw new TypeError(
      `Cannot open the admin listener: there is no option ${name}, but ${names}`,
    );
  }
  const { hostname = "127.0.0.1", port = 0, hosts = [] } = options;
  if (!Array.isArray(hosts) || hosts.some((one) => typeof one !== "string")) {
    throw new TypeError(
      "Cannot open the admin listener: hosts must be an array of strings",
    );
  }
  // From now on, the server looks after how long its connections are idle.
  server.connections();
  const listener = await listen({ hostname, port });
  const memory = new ArrayBuffer(DelayMeter.SIZE);
  const meter = new DelayMeter(memory);
  const surveyor = new Surveyor(server);
  const source: Source = {
    stats: () => server.stats(),
    connections: (limit) => Promise.resolve(listConnections(server, limit)),
    survey: (limit) => Promise.resolve(surveyor.survey(limit)),
    limits: describeLimits(server.limits),
    notes: describeFaults(server),
    delays: () => readDelays([memory]),
  };
  const opened = serveAdmin(listener, source, hosts);
  const close = () => {
    meter[Symbol.dispose]();
    return opened.close();
  };
  return { ...opened, close, [Symbol.asyncDispose]: close };
}

/** The faults of those endpoints that have any, in words. */
function describeFaults({ addrs, faults }: EchoServer): Map<string, string> {
  return new Map(addrs.flatMap((addr, index) => {
    const own = faults[index];
    return own ? [[formatEndpoint(addr), formatFaults(own)] as const] : [];
  }));
}
