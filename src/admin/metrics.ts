import config from "../../deno.json" with { type: "json" };
import { formatEndpoint } from "../core/format_addr.ts";
import type { Family, Sample } from "./exposition.ts";
import { type ProcessFigures, runtimeName } from "./process_figures.ts";
import type { Source } from "./source.ts";

/** Returns the metrics of a server and of its process: `docs/metrics.md` explains them. */
export function metricsOf(
  source: Source,
  ofProcess: ProcessFigures,
): Family[] {
  const stats = source.stats();
  const delays = source.delays();
  const { datagrams, durations } = stats;
  const { lostLines } = source;
  const { openFds, maxFds } = ofProcess;
  const byEndpoint = (field: "accepted" | "active" | "bytes"): Sample[] =>
    stats.endpoints.map(({ addr, ...counts }) => ({
      labels: { endpoint: formatEndpoint(addr) },
      value: counts[field],
    }));
  return [
    {
      name: "echod_build",
      type: "info",
      help: "The version of echod, and the runtime that it runs on.",
      samples: [{
        labels: { version: config.version, runtime: runtimeName() },
        value: 1,
      }],
    },
    {
      name: "echod_connections_accepted",
      type: "counter",
      help: "Connections accepted, not counting refused ones.",
      samples: byEndpoint("accepted"),
    },
    {
      name: "echod_connections_refused",
      type: "counter",
      help: "Clients refused before a byte was read.",
      samples: byLabel("reason", stats.refusedBy),
    },
    {
      name: "echod_connections_closed",
      type: "counter",
      help: "Connections that have ended.",
      samples: byLabel("reason", stats.closedBy),
    },
    {
      name: "echod_connections_active",
      type: "gauge",
      help: "Connections open now.",
      samples: byEndpoint("active"),
    },
    {
      name: "echod_connections_limit",
      type: "gauge",
      help: "Connections that may be open at the same time.",
      samples: [{ value: stats.limit }],
    },
    {
      name: "echod_connection_duration_seconds",
      type: "histogram",
      help: "How long the connections that have ended were open.",
      samples: [
        ...cumulate(durations.bounds, durations.counts),
        { suffix: "_sum", value: durations.sum },
        { suffix: "_count", value: sumOf(durations.counts) },
      ],
    },
    {
      name: "echod_echoed_bytes",
      type: "counter",
      help:
        "Bytes sent back, those of open connections and datagrams included.",
      samples: byEndpoint("bytes"),
    },
    ...(datagrams
      ? [
        {
          name: "echod_datagrams",
          type: "counter",
          help: "Datagrams received.",
          samples: byLabel("outcome", {
            echoed: datagrams.echoed,
            dropped: datagrams.dropped,
          }),
        } as const,
      ]
      : []),
    {
      name: "echod_turnstile_waiting",
      type: "gauge",
      help: "Connections that wait for their turn to be read.",
      samples: [{ value: stats.waiting }],
    },
    {
      name: "echod_event_loop_delay_seconds",
      type: "summary",
      help: "How late timers were in the last ten seconds.",
      samples: [
        { labels: { quantile: "0.5" }, value: delays.p50 / 1000 },
        { labels: { quantile: "0.99" }, value: delays.p99 / 1000 },
      ],
    },
    ...(lostLines === undefined ? [] : [
      {
        name: "echod_log_lines_lost",
        type: "counter",
        help: "Lines of the log that were dropped because nobody read it.",
        samples: [{ value: lostLines }],
      } as const,
    ]),
    {
      name: "process_start_time_seconds",
      type: "gauge",
      help: "When the process was started, in seconds since 1970.",
      samples: [{ value: ofProcess.startTime }],
    },
    {
      name: "process_cpu_seconds",
      type: "counter",
      help: "The time that the process has had of the processors.",
      samples: [{ value: ofProcess.cpu }],
    },
    {
      name: "process_resident_memory_bytes",
      type: "gauge",
      help: "The memory of the process.",
      samples: [{ value: ofProcess.residentMemory }],
    },
    ...(openFds === undefined ? [] : [
      {
        name: "process_open_fds",
        type: "gauge",
        help: "Descriptors that the process has open.",
        samples: [{ value: openFds }],
      } as const,
    ]),
    ...(maxFds === undefined ? [] : [
      {
        name: "process_max_fds",
        type: "gauge",
        help: "Descriptors that the process may have open.",
        samples: [{ value: maxFds }],
      } as const,
    ]),
  ];
}

function byLabel(
  label: string,
  counts: Readonly<Record<string, number>>,
): Sample[] {
  return Object.entries(counts).map(([name, value]) => ({
    labels: { [label]: name },
    value,
  }));
}

/** The buckets of a histogram, each with those below it. */
function cumulate(
  bounds: readonly number[],
  counts: readonly number[],
): Sample[] {
  return [...bounds, Infinity].map((le, index) => ({
    suffix: "_bucket",
    labels: { le },
    value: sumOf(counts.slice(0, index + 1)),
  }));
}

function sumOf(counts: readonly number[]): number {
  return counts.reduce((sum, count) => sum + count, 0);
}
