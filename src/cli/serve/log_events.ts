import { formatAddr, formatEndpoint } from "../../core/format_addr.ts";
import { mayListAddresses } from "../../listen/may_list_addresses.ts";
import { isEverywhere, isLoopback } from "../../core/ip.ts";
import type { Addr, FdAddr } from "../../core/transport.ts";
import type { AdminServer } from "../../admin/admin_server.ts";
import type { EndpointSettings } from "./endpoint_settings.ts";
import type { Settings } from "./settings.ts";
import { formatBytes, formatCount, formatTime } from "../format.ts";
import type { Log } from "./log.ts";
import type { Sums } from "../../core/counts.ts";
import type { Observer } from "./serve_in_thread.ts";

/** Returns an observer that logs the events of a server. */
export function observeTo(log: Log): Observer {
  return {
    onRefuse(remoteAddr, reason, { via, error }) {
      const { who, fields } = peerOf(remoteAddr, via);
      const text = `${who} refused (${because(reason, error)})`;
      log.write("debug", "refused", text, { ...fields, reason, error });
    },
    onOpen({ id, remoteAddr, via }) {
      const { who, fields } = peerOf(remoteAddr, via);
      log.write("debug", "open", `#${id} ${who} opened`, { id, ...fields });
    },
    onClose({ id, remoteAddr, via, bytes, duration, reason, error, fault }) {
      const peer = peerOf(remoteAddr, via);
      const what = `${formatBytes(bytes)} echoed in ${formatTime(duration)}`;
      const why = because(reason, error ?? fault);
      const text = `#${id} ${peer.who} closed (${why}): ${what}`;
      const durationMs = Math.round(duration);
      const fields = {
        id,
        ...peer.fields,
        bytes,
        durationMs,
        reason,
        error,
        fault,
      };
      log.write("debug", "close", text, fields);
    },
    onError(message) {
      log.error(message);
    },
  };
}

/** A client, and the balancer that it has come through: in words and as fields. */
function peerOf(remoteAddr: Addr, via: Addr | undefined) {
  const remote = formatAddr(remoteAddr);
  if (!via) return { who: remote, fields: { remote } };
  const balancer = formatAddr(via);
  const fields = { remote, via: balancer };
  return { who: `${remote} via ${balancer}`, fields };
}

function because(reason: string, error: string | undefined): string {
  return error === undefined ? reason : `${reason}: ${error}`;
}

/** Logs the addresses, and warnings of what they mean for clients. */
export async function logListening(
  log: Log,
  endpoints: readonly EndpointSettings[],
  settings: Settings,
): Promise<void> {
  for (const { addr, faults } of endpoints) {
    const endpoint = formatEndpoint(addr);
    const what = faults ? ` with faults: ${await describe(faults)}` : "";
    const fields = { endpoint, faults };
    log.write("info", "listening", `Listening on ${endpoint}${what}`, fields);
  }
  const addrs = endpoints.map(({ addr }) => addr);
  const vague = addrs.find(isVague);
  if (vague && !mayListAddresses()) {
    const endpoint = formatEndpoint(vague);
    log.write(
      "warn",
      "source",
      `${endpoint} answers from the address that the system chooses: ` +
        "give --allow-sys, or an endpoint for each address",
      { endpoint },
    );
  }
  const exposed = addrs.find(isExposed);
  const limits = limitsOf(settings);
  if (!exposed || Object.values(limits).some(Boolean)) return;
  const endpoint = formatEndpoint(exposed);
  const options = Object.keys(limits);
  log.write(
    "warn",
    "unlimited",
    `Anybody who can reach ${endpoint} is served without a limit: see ${
      options.join(", ")
    }`,
    { endpoint, options },
  );
}

async function describe(
  faults: NonNullable<EndpointSettings["faults"]>,
): Promise<string> {
  const { formatFaults } = await import("../../faults/format_faults.ts");
  return formatFaults(faults);
}

/** Logs where the admin listener is, and a warning if other machines can reach it. */
export function logAdmin(log: Log, { url, addr }: AdminServer): void {
  log.write("info", "admin", `Metrics and a live page on ${url}`, { url });
  if (isLoopback(addr.hostname)) return;
  log.write(
    "warn",
    "exposed",
    `Anybody who can reach ${url} sees the addresses of the clients`,
    { url },
  );
}

/** Logs that certificate and key were read anew, for so many endpoints. */
export function logReload(log: Log, endpoints: number): void {
  const text = endpoints > 0
    ? `Reloaded certificate and key of ${formatCount(endpoints, "endpoint")}`
    : "Nothing to reload: there is no endpoint tls://HOST:PORT";
  log.write("info", "reload", text, { endpoints });
}

/** Logs that the server still accepts for `delay`, and then waits for its open connections. */
export function logDrain(
  log: Log,
  { connections, delay, grace }: {
    readonly connections: number;
    readonly delay: number;
    readonly grace: number;
  },
): void {
  const what = delay > 0
    ? `Accepting for ${formatTime(delay)} more, then draining`
    : `Draining ${formatCount(connections, "connection")}`;
  log.write(
    "info",
    "drain",
    `${what} (${formatTime(grace)} at most; press Ctrl+C again to stop now)`,
    { connections, graceMs: grace, delayMs: delay },
  );
}

/** Logs the totals; `duration` is in milliseconds. */
export function logTerminated(
  log: Log,
  totals: Sums,
  duration: number,
): void {
  const { accepted: connections, refused, failed, bytes, datagrams } = totals;
  const counts = [
    formatCount(connections, "connection"),
    ...(refused > 0 ? [`${refused} refused`] : []),
    ...(datagrams
      ? [
        `${formatCount(datagrams.echoed, "datagram")} ` +
        `(${datagrams.dropped} dropped)`,
      ]
      : []),
    `${formatBytes(bytes)} echoed in ${formatTime(duration)}`,
  ];
  log.write(
    "info",
    "terminated",
    `Server terminated: ${counts.join(", ")}`,
    {
      connections,
      refused,
      failed,
      bytes,
      ...(datagrams && {
        datagrams: datagrams.echoed,
        datagramsDropped: datagrams.dropped,
      }),
      durationMs: Math.round(duration),
    },
  );
}

/** Reports whether an address alone does not say from where datagrams are answered. */
function isVague(addr: Addr | FdAddr): boolean {
  return addr.transport === "udp" && "hostname" in addr &&
    isEverywhere(addr.hostname);
}

/** Reports whether other machines can connect to an address. */
function isExposed(addr: Addr | FdAddr): boolean {
  return addr.transport !== "udp" && "hostname" in addr &&
    !isLoopback(addr.hostname);
}

/** Returns the settings that limit clients, by the names of their options. */
function limitsOf(settings: Settings): Record<string, unknown> {
  return {
    "--max-connections": settings.once || settings.maxConnections,
    "--max-per-host": settings.maxPerHost,
    "--idle-timeout": settings.idleTimeout,
    "--max-lifetime": settings.maxLifetime,
    "--max-bytes": settings.maxBytes,
    "--allow": settings.allow.length,
    "--deny": settings.deny.length,
  };
}
