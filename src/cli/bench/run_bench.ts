import { readFile } from "node:fs/promises";
import process from "node:process";
import { createInterface } from "node:readline/promises";
import {
  bench,
  type BenchProgress,
  type BenchResult,
} from "../../bench/bench.ts";
import { formatEndpoint } from "../../core/format_addr.ts";
import { isLoopback } from "../../core/ip.ts";
import type { Runtime } from "../../runtimes/runtime.ts";
import type { Addr } from "../../core/transport.ts";
import { BENCH_HELP, type BenchSettings, readBenchArgs } from "./settings.ts";
import { loadParseArgs } from "../parse_args.ts";
import { exceeded } from "./limits.ts";
import { formatProgress, formatResult } from "./report.ts";
import { UsageError } from "../command_line.ts";
import { explain } from "../../core/error_message.ts";
import { printText, tellText } from "../output.ts";

/** The load that may go to another machine without a question. */
const HARMLESS = { connections: 1_000, bytesPerSecond: 100e6 };
/** The shortest round trip to another machine, in seconds. */
const ROUND_TRIP = 0.001;

/** `echod bench`: loads an echo server and prints the result. Returns the exit code. */
export async function runBench(
  runtime: Runtime,
  args: readonly string[],
): Promise<number> {
  try {
    const settings = readBenchArgs(args, await loadParseArgs());
    const { endpoint } = settings;
    if (!endpoint) return await printText(runtime, BENCH_HELP) ? 0 : 1;
    if (!settings.yes && canHurt(endpoint, settings)) await confirm(endpoint);
    const result = await runWithProgress(runtime, endpoint, settings);
    const broken = exceeded(result, settings);
    const isWritten = await printText(
      runtime,
      settings.json
        ? `${JSON.stringify({ ...result, exceeded: broken, args })}\n`
        : formatResult(result, broken),
    );
    const isGood = result.firstErrors.length === 0 && broken.length === 0;
    return isWritten && isGood ? 0 : 1;
  } catch (error) {
    await tellText(
      runtime.stderr,
      `${explain(error).replace(/\s+/g, " ")}\n`,
    );
    return error instanceof UsageError ? 2 : 1;
  }
}

async function runWithProgress(
  { stderr, onSignal }: Runtime,
  endpoint: Addr,
  { size, tlsCa, ...settings }: BenchSettings,
): Promise<BenchResult> {
  const ca = tlsCa === undefined ? undefined : await readCa(tlsCa);
  const early = new AbortController();
  const hurried = new AbortController();
  const ignoreSignals = onSignal(() => {
    if (early.signal.aborted) {
      // The system's default action for the next signal ends the process.
      ignoreSignals();
      hurried.abort();
    }
    early.abort(new Error("Interrupted before all connections were open"));
  });
  const isLive = stderr.isTerminal();
  const show = (progress: BenchProgress) => {
    // The result is wanted even if the reader of the progress has gone.
    tellText(stderr, `\r\x1b[K${formatProgress(progress)}`);
  };
  try {
    return await bench({
      ...settings,
      endpoint: formatEndpoint(endpoint),
      size,
      ca,
      signal: early.signal,
      drainSignal: hurried.signal,
      onProgress: isLive ? show : undefined,
    });
  } finally {
    ignoreSignals();
    if (isLive) await tellText(stderr, "\r\x1b[K");
  }
}

async function readCa(path: string): Promise<string> {
  const { checkCertificates } = await import("../../listen/pem.ts");
  try {
    return checkCertificates(await readFile(path), path);
  } catch (error) {
    throw new Error(`Cannot use --tls-ca ${path}: ${explain(error)}`);
  }
}

/** Reports whether the run would load another machine heavily. */
export function canHurt(endpoint: Addr, settings: BenchSettings): boolean {
  if ("path" in endpoint || isLoopback(endpoint.hostname)) return false;
  const { connections, rate, window = 1, size: [, largest] } = settings;
  // Without a rate, assume that each echo takes the shortest round trip.
  const messagesPerSecond = rate ?? connections * window / ROUND_TRIP;
  return connections > HARMLESS.connections ||
    messagesPerSecond * largest > HARMLESS.bytesPerSecond;
}

async function confirm(endpoint: Addr): Promise<void> {
  const url = formatEndpoint(endpoint);
  if (!process.stdin.isTTY || !process.stderr.isTTY) {
    throw new UsageError(
      `This can load ${url} with more than 1,000 connections or 100 MB/s: give --yes if it may`,
    );
  }
  const terminal = createInterface({
    input: process.stdin,
    output: process.stderr,
  });
  const answer = await terminal.question(
    `This can load ${url} with more than 1,000 connections or 100 MB/s. Go on? [y/N] `,
  );
  terminal.close();
  if (!/^y(es)?$/i.test(answer.trim())) throw new Error("Not started");
}
