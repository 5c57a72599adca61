import type {
  BenchProgress,
  BenchResult,
  FaultKind,
  LatencySummary,
} from "../../bench/bench.ts";
import {
  formatMegabytes,
  formatMicroseconds,
  formatNumber,
  formatPercent,
  formatRate,
  formatSeconds,
} from "./format_figures.ts";

/** The width of the bars of the histogram, and of the progress bar. */
const WIDTH = 40;
const PROGRESS_WIDTH = 10;
/** The number of seconds in the live line, and how high each may be. */
const SPARKLINE_WIDTH = 10;
const LEVELS = "▁▂▃▄▅▆▇█";

/** Descriptions of the faults. */
const FAULTS: Readonly<Record<FaultKind, string>> = {
  altered: "came back altered",
  dropped: "did not come back, although later ones did",
  reordered: "came back after later ones",
  repeated: "came back more than once",
  truncated: "had not come back when the server ended the connection",
  late: "had not come back in time",
  prefixed: "came that were not sent, before everything else",
  inserted: "came that were not sent",
  failed: "failed",
};

/** Formats the result as text, with a line for each limit that is exceeded. */
export function formatResult(
  result: BenchResult,
  exceeded: readonly string[] = [],
): string {
  const { endpoint, address, insecure, durationMs, messages, bytes } = result;
  const { connections, sizeBytes } = result.options;
  const sizes = [sizeBytes].flat().map(formatNumber).join("–");
  const lines = [
    `${endpoint}${
      address === null || endpoint.includes(address) ? "" : ` (${address})`
    }: ${formatNumber(connections)} × ${sizes} B, ${formatSeconds(durationMs)}`,
    ...(insecure ? ["The server's certificate was not checked"] : []),
    `${formatNumber(messages)} messages, ${
      formatRate(result.messagesPerSecond)
    } messages/s, ${
      // As many as were echoed, the warm-up's last ones too.
      formatMegabytes(
        messages > 0 ? bytes / messages * result.messagesPerSecond : 0,
      )} each way`,
  ];
  lines.push(...connectionLines(result), ...rateLines(result));
  lines.push(...datagramLines(result), ...reconnectionLines(result));
  if (messages > 0) lines.push("", ...latencyLines(result));
  lines.push("", ...endLines(result), ...notAwaitedLines(result));
  lines.push(...errorLines(result));
  lines.push(...exceeded.map((line) => `Limit exceeded: ${line}`));
  return lines.map((line) => `${line}\n`).join("");
}

/** The least and the most of the connections. */
function connectionLines({ perConnection }: BenchResult): string[] {
  const { least, most, jain, messages, p50Us, p99Us } = perConnection;
  const line = `${formatNumber(least)} to ${
    formatNumber(most)
  } messages per connection`;
  if (messages.length < 2 || most === 0) return [line];
  const range = (values: readonly (number | null)[]) => {
    const sorted = values.filter((one) => one !== null).sort((a, b) => a - b);
    return [sorted.at(0), sorted.at(-1)]
      .map((us) => formatMicroseconds(us ?? null)).join(" to ");
  };
  return [
    `${line}, fairness ${jain.toFixed(4)} (Jain's index)`,
    `p50 ${range(p50Us)}, p99 ${range(p99Us)} per connection`,
  ];
}

function datagramLines({ datagrams }: BenchResult): string[] {
  if (!datagrams) return [];
  const { sent, received, lost, lostPercent, unread } = datagrams;
  const lines = [
    `Datagrams: ${formatNumber(sent)} sent, ${
      formatNumber(received)
    } received, ` +
    `${formatNumber(lost)} lost (${formatPercent(lostPercent)}), ` +
    `${formatNumber(datagrams.duplicated)} duplicated, ` +
    `${formatNumber(datagrams.reordered)} reordered, ` +
    `jitter ${formatMicroseconds(datagrams.jitterUs)}`,
  ];
  if (unread > 0) {
    lines.push(
      `Warning: ${formatNumber(unread)} more came back, ` +
        "and were lost in the client's own receive buffer",
    );
  }
  return lines;
}

function reconnectionLines({ reconnections }: BenchResult): string[] {
  if (!reconnections) return [];
  const { cut, inFlight, notBack, gapUs } = reconnections;
  return [
    `Reconnected: ${formatNumber(cut)} cut, ` +
    `${formatNumber(inFlight)} messages in flight, ` +
    `${formatNumber(notBack)} not back, ` +
    `gap p50 ${formatMicroseconds(gapUs.p50)} max ${
      formatMicroseconds(gapUs.max)
    }`,
  ];
}

/** The part of the asked rate below which to warn. */
const ENOUGH = 0.99;
/** The number of messages needed for that warning. */
const MANY = 100;

function rateLines(result: BenchResult): string[] {
  const {
    ratesPerSecond,
    unsent,
    messages,
    clientCpu,
    clientWasLimit,
    clientStalledMs,
  } = result;
  const lines: string[] = [];
  if (ratesPerSecond) {
    const { asked, sent, echoed } = ratesPerSecond;
    lines.push(
      `Asked for ${formatRate(asked)}/s, sent ${formatRate(sent)}/s, ` +
        `echoed ${formatRate(echoed)}/s`,
    );
    const percent = (part: number) => `${(part / asked * 100).toFixed(1)} %`;
    if (unsent > 0 && sent < ENOUGH * asked) {
      lines.push(
        `Warning: ${percent(sent)} of the asked rate was sent: ${
          formatNumber(unsent)
        } messages were due and never sent`,
      );
    }
    if (messages >= MANY && echoed < ENOUGH * asked) {
      lines.push(`Warning: ${percent(echoed)} of the asked rate was echoed`);
    }
  }
  if (clientWasLimit) {
    lines.push(
      `The client was the limit: CPU ${(clientCpu * 100).toFixed(0)} %`,
    );
  }
  if (clientStalledMs > 0) {
    lines.push(
      `The client stood still for up to ${
        formatMicroseconds(clientStalledMs * 1000)
      }: latencies include that`,
    );
  }
  return lines;
}

/** Says when a run has ended early, and why. */
function endLines({ endedEarly, options, durationMs, messages }: BenchResult) {
  if (endedEarly === null) return [];
  if (durationMs === 0) return [`Ended early in the warm-up: ${endedEarly}`];
  const after = options.messages === null
    ? `${formatSeconds(durationMs)} of ${
      formatSeconds(options.durationMs ?? 0)
    }`
    : `${formatNumber(messages)} of ${formatNumber(options.messages)} messages`;
  return [`Ended early after ${after}: ${endedEarly}`];
}

function notAwaitedLines({ notAwaited }: BenchResult): string[] {
  return notAwaited > 0
    ? [`Messages not waited for: ${formatNumber(notAwaited)}`]
    : [];
}

function latencyLines(result: BenchResult): string[] {
  const { latencyUs, percentilesUs, histogram, messages } = result;
  const { min, mean, max } = latencyUs;
  const names = percentilesUs.map(({ percent }) => `p${percent}`);
  const times = [min, mean, ...percentilesUs.map(({ us }) => us), max];
  const pad = (cells: string[]) =>
    cells.map((cell) => cell.padStart(9)).join("").trimEnd();
  const parts = (what: string, times: LatencySummary | null) =>
    times === null ? [] : [
      `${what} p50 ${formatMicroseconds(times.p50)} ` +
      `p99 ${formatMicroseconds(times.p99)} ` +
      `max ${formatMicroseconds(times.max)}`,
    ];
  const most = Math.max(...histogram.map(({ messages }) => messages));
  return [
    "Latency",
    pad(["min", "mean", ...names, "max"]),
    pad(times.map(formatMicroseconds)),
    ...parts("Sent late", result.sendLateUs),
    ...parts("Response ", result.responseUs),
    ...parts("Connect  ", result.connectUs),
    "",
    ...histogram.map((bin) => {
      const length = Math.round(bin.messages / most * WIDTH);
      const share = `${(bin.messages / messages * 100).toFixed(2)} %`;
      return `  < ${formatMicroseconds(bin.lessThanUs).padEnd(8)}${
        share.padStart(9)
      } ${"█".repeat(length)}`.trimEnd();
    }),
  ];
}

function errorLines(result: BenchResult): string[] {
  const { errors, firstErrors, messages, notAwaited, datagrams } = result;
  if (firstErrors.length === 0) {
    if (messages === 0) return ["No message was counted"];
    if (notAwaited > 0) return ["No errors: what came back was as it was sent"];
    return datagrams && datagrams.received < datagrams.sent
      ? ["No errors: every datagram that came back was as it was sent"]
      : ["No errors: every byte came back as it was sent"];
  }
  return firstErrors.map(({ kind, connection, offset, reason }) => {
    const count = errors[kind] ?? 0;
    const what = kind === "failed"
      ? count === 1 ? "connection" : "connections"
      : count === 1
      ? "byte"
      : "bytes";
    return `Error (${kind}): ${formatNumber(count)} ${what} ${FAULTS[kind]}, ` +
      `first on connection ${connection} at offset ${offset}` +
      (reason ? `: ${reason}` : "");
  });
}

/** Formats the progress for a terminal of so many columns as one line, with the last rates. */
export function formatLiveProgress(
  progress: BenchProgress,
  rates: readonly number[],
  columns = Infinity,
): string {
  const filled = Math.round(progress.done * PROGRESS_WIDTH);
  const bar = "█".repeat(filled) + "░".repeat(PROGRESS_WIDTH - filled);
  const plain = formatProgress(progress);
  const lines = [
    `${bar} ${formatProgress(progress, formatSparkline(rates))}`,
    `${bar} ${plain}`,
    plain,
  ];
  // What is wrapped cannot be overwritten.
  return lines.find((line) => line.length <= columns) ??
    plain.slice(0, columns);
}

/** Formats the progress as one line of constant length. */
export function formatProgress(
  progress: BenchProgress,
  sparkline?: string,
): string {
  const { elapsedMs, warmup, messagesPerSecond, errors, lost } = progress;
  return [
    `${(elapsedMs / 1000).toFixed(0).padStart(4)} s`,
    ...(sparkline === undefined ? [] : [sparkline]),
    `${formatRate(messagesPerSecond).padStart(9)}/s`,
    formatMegabytes(progress.bytesPerSecond).padStart(10),
    `p50 ${formatMicroseconds(progress.p50Us).padStart(7)}`,
    `p99 ${formatMicroseconds(progress.p99Us).padStart(7)}`,
    errors === 1 ? "1 error" : `${formatNumber(errors)} errors`,
    ...(lost > 0 ? [`${formatNumber(lost)} lost`] : []),
    ...(warmup ? ["warm-up"] : []),
  ].join("  ");
}

/** Draws the last values as bars, from nothing to the largest of them. */
export function formatSparkline(values: readonly number[]): string {
  const last = values.slice(-SPARKLINE_WIDTH);
  const most = Math.max(...last);
  const bars = last.map((value) =>
    LEVELS[Math.round(value / most * (LEVELS.length - 1))] ?? LEVELS[0]
  );
  return bars.join("").padStart(SPARKLINE_WIDTH);
}
