import config from "../../deno.json" with { type: "json" };
import { formatEndpoint } from "../core/format_addr.ts";
import { type ProcessFigures, runtimeName } from "./process_figures.ts";
import type { Source } from "./source.ts";

/** Returns the numbers of the metrics, for JSON. A limit that is not set is null. */
export function statsOf(source: Source, ofProcess: ProcessFigures): object {
  const { endpoints, ...stats } = source.stats();
  const { p50, p99 } = source.delays();
  return {
    version: config.version,
    runtime: runtimeName(),
    ...stats,
    endpoints: endpoints.map(({ addr, ...counts }) => ({
      endpoint: formatEndpoint(addr),
      ...counts,
    })),
    eventLoopDelayMs: { p50, p99 },
    logLinesLost: source.lostLines,
    process: ofProcess,
  };
}
