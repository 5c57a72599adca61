import type {
  BenchProgress,
  BenchResult,
  FaultKind,
  LatencySummary,
} from "../../bench/bench.ts";

/** The width of the bars of the histogram, and of the progress bar. */
const WIDTH = 40;
const PROGRESS_WIDTH = 20;

/** Descriptions of the faults. */
const FAULTS: Readonly<Record<FaultKind, string>> = {
  altered: "came back altered",
  dropped: "did not come back, although later ones did",
  reordered: "came back after later ones",
  repeated: "came back more than once",
  truncated: "had not come back when the server ended the connection",
  late: "had not come back in time",
  lost: "had not come back after 1 s",
  unread: "came back, but were lost in the client's own receive buffer",
  prefixed: "came that were not sent, before everything else",
  inserted: "came that were not sent",
  failed: "failed",
};

/** Formats the result as text. */
export function formatResult(result: BenchResult): string {
  const { endpoint, address, insecure, size, seconds, messages, bytes, rate } =
    result;
  const sizes = [size].flat().map(formatNumber).join("–");
  const lines = [
    `${endpoint}${
      address === null || endpoint.includes(address) ? "" : ` (${address})`
    }: ${formatNumber(result.connections)} × ${sizes} B, ${
      formatSeconds(seconds)
    }`,
    ...(insecure ? ["The server's certificate was not checked"] : []),
    `${formatNumber(messages)} messages, ${formatRate(rate)} messages/s, ${
      formatMegabytes(seconds > 0 ? bytes / seconds : 0)
    } each way`,
    `${formatNumber(result.perConnection.least)} to ${
      formatNumber(result.perConnection.most)
    } messages per connection`,
  ];
  lines.push(...rateLines(result));
  if (messages > 0) lines.push("", ...latencyLines(result));
  lines.push("", ...endLines(result), ...errorLines(result));
  return lines.map((line) => `${line}\n`).join("");
}

/** What part of the asked rate is too little to pass without a word. */
const ENOUGH = 0.99;
/** How many messages it takes to say so. */
const MANY = 100;

function rateLines(result: BenchResult): string[] {
  const { rates, unsent, messages, clientCpu, clientWasLimit } = result;
  const lines: string[] = [];
  if (rates) {
    const { asked, sent, echoed } = rates;
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
  return lines;
}

/** Whether it has ended before its time. */
function endLines({ endedEarly, planned, seconds, messages }: BenchResult) {
  if (endedEarly === null) return [];
  if (seconds === 0) return [`Ended early in the warm-up: ${endedEarly}`];
  const after = planned.messages === null
    ? `${formatSeconds(seconds)} of ${formatSeconds(planned.seconds ?? 0)}`
    : `${formatNumber(messages)} of ${formatNumber(planned.messages)} messages`;
  return [`Ended early after ${after}: ${endedEarly}`];
}

function latencyLines(result: BenchResult): string[] {
  const { latencyUs, sendLateUs, responseUs, histogram, messages } = result;
  const names = Object.keys(latencyUs).map((name) => name.replace("_", "."));
  const values = Object.values(latencyUs).map(formatMicroseconds);
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
    pad(names),
    pad(values),
    ...parts("Sent late", sendLateUs),
    ...parts("Response ", responseUs),
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

function errorLines({ errors, firstErrors, messages }: BenchResult): string[] {
  if (firstErrors.length === 0) {
    return messages === 0
      ? ["No message was counted"]
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

/** Formats the progress as one line of constant length. */
export function formatProgress(progress: BenchProgress): string {
  const { done, elapsed, warmup, rate, bytesPerSecond, p50, p99, errors } =
    progress;
  const filled = Math.round(done * PROGRESS_WIDTH);
  const bar = "█".repeat(filled) + "░".repeat(PROGRESS_WIDTH - filled);
  return [
    `${bar} ${elapsed.toFixed(0).padStart(4)} s`,
    `${formatRate(rate).padStart(9)}/s`,
    formatMegabytes(bytesPerSecond).padStart(10),
    `p50 ${formatMicroseconds(p50).padStart(7)}`,
    `p99 ${formatMicroseconds(p99).padStart(7)}`,
    errors === 1 ? "1 error" : `${formatNumber(errors)} errors`,
    ...(warmup ? ["warm-up"] : []),
  ].join("  ");
}

function formatNumber(value: number): string {
  return value.toLocaleString("en-US", { maximumFractionDigits: 0 });
}

/** Formats a rate: as a whole number, unless it is small. */
function formatRate(value: number): string {
  return value < 100 ? value.toFixed(1) : formatNumber(value);
}

function formatMegabytes(bytesPerSecond: number): string {
  const megabytes = bytesPerSecond / 1e6;
  return `${
    megabytes < 100 ? megabytes.toFixed(2) : formatNumber(megabytes)
  } MB/s`;
}

function formatSeconds(seconds: number): string {
  return `${seconds.toFixed(1)} s`;
}

/** A time, with three figures: `950 µs`, `1.25 ms`, `12.0 s`; `–` for none. */
function formatMicroseconds(us: number | null): string {
  if (us === null) return "–";
  if (us < 999.5) {
    return `${us < 99.95 ? Number(us.toFixed(1)) : us.toFixed(0)} µs`;
  }
  const ms = us / 1000;
  if (ms < 999.5) return `${ms.toPrecision(3)} ms`;
  return `${(ms / 1000).toPrecision(3)} s`;
}
