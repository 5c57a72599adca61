import type { Limits } from "../core/serve_options.ts";

/** The limits, and the units of those that have one. */
const UNITS = [
  ["maxConnections", ""],
  ["maxConnectionsPerHost", ""],
  ["idleTimeout", " ms"],
  ["maxLifetime", " ms"],
  ["maxBytes", " B"],
] as const satisfies (readonly [keyof Limits, string])[];

/** Describes the limits that there are, by the names of the options. */
export function describeLimits(
  limits: Limits,
): (readonly [name: string, value: string])[] {
  return UNITS.flatMap(([name, unit]) => {
    const value = limits[name] ?? Infinity;
    return value < Infinity ? [[name, `${value}${unit}`] as const] : [];
  });
}
