import type { DatagramFaults, StreamFaults } from "../core/fault_options.ts";

type Faults = StreamFaults & DatagramFaults;

/** The units of those that have one. */
const UNITS: Readonly<Record<string, string>> = {
  delay: "ms",
  jitter: "ms",
  stall: "ms",
  corrupt: "%",
  drop: "%",
  duplicate: "%",
  reorder: "%",
  share: "%",
} satisfies { readonly [Name in keyof Faults]?: string };

/** Formats faults as they are given in a URL: `delay=50ms, slice=1..100, deaf`. */
export function formatFaults(faults: Faults): string {
  return Object.entries(faults).flatMap(([name, value]) => {
    if (value === undefined || value === false) return [];
    if (value === true) return name;
    const [least, most] = Array.isArray(value) ? value : [value, value];
    const text = least === most ? `${least}` : `${least}..${most}`;
    return `${name}=${text}${UNITS[name] ?? ""}`;
  }).join(", ");
}
