import { formatEndpoint } from "../../core/format_addr.ts";
import { formatBytes, formatTime } from "../format.ts";
import type { EndpointSettings } from "./endpoint_settings.ts";
import { formatFaults } from "../../faults/format_faults.ts";
import type { Network } from "../../listen/networks.ts";
import type { Settings } from "./settings.ts";

/** Describes the limits for clients, by the names of their options. */
export function describeLimits(
  settings: Settings,
): (readonly [name: string, value: string])[] {
  const {
    once,
    maxConnections,
    maxPerHost,
    idleTimeout,
    maxLifetime,
    maxBytes,
    allow,
    deny,
  } = settings;
  const networks = (all: readonly Network[]) =>
    all.length > 0
      ? all.map(({ ip, prefix }) => `${ip}/${prefix}`).join(", ")
      : undefined;
  const all: Record<string, string | 0 | undefined> = {
    "--once": once ? "one connection" : undefined,
    "--max-connections": maxConnections?.toString(),
    "--max-per-host": maxPerHost?.toString(),
    "--idle-timeout": idleTimeout && formatTime(idleTimeout),
    "--max-lifetime": maxLifetime && formatTime(maxLifetime),
    "--max-bytes": maxBytes && formatBytes(maxBytes),
    "--allow": networks(allow),
    "--deny": networks(deny),
  };
  return Object.entries(all).flatMap(([name, value]) =>
    value ? [[name, value] as const] : []
  );
}

/** Describes the parameters of those endpoints that have any. */
export function describeParameters(
  endpoints: readonly EndpointSettings[],
): Map<string, string> {
  return new Map(endpoints.flatMap(({ addr, faults, proxy = [] }) => {
    const parameters = [
      ...(faults ? [formatFaults(faults)] : []),
      ...proxy.map((place) => `proxy=${place}`),
    ];
    return parameters.length > 0
      ? [[formatEndpoint(addr), parameters.join(", ")] as const]
      : [];
  }));
}
