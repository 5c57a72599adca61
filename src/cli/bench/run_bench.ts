import { readFile } from "node:fs/promises";
import process from "node:process";
import { createInterface } from "node:readline";
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
import { formatLiveProgress, formatProgress, formatResult } from "./report.ts";
import { UsageError } from "../command_line.ts";
import { explain } from "../../core/error_message.ts";
import { printText, tellText } from "../output.ts";

/** The load that may go to another machine without a question. */
const HARMLESS = { connections: 1_000, bytesPerSecond: 100e6 };
/** How long a step of a search counts messages, in milliseconds. */
const STEP = 5_000;
/** The shortest round trip to another machine, in seconds. */
const ROUND_TRIP = 0.001;

/** `echod bench`: loads an echo server and prints the result. Returns the exit code. */
export async function runBench(
  runtime: Runtime,
  args: readonly string[],
): Promise<number> {
  try {
    if (args[0] === "compare") {
      const { runCompare } = await import("./compare_runs.ts");
      return await runCompare(runtime, args.slice(1));
    }
    const settings = await readBenchArgs(args, loadParseArgs);
    const { endpoint, hgrm, csv, html } = settings;
    if (!endpoint) return await printText(runtime, BENCH_HELP) ? 0 : 1;
    if (!settings.yes && canHurt(endpoint, settings)) await confirm(endpoint);

    const paths = hgrm ?? csv ?? html ? { hgrm, csv, html } : undefined;
    const outputs = paths && await import("./outputs.ts");
    if (paths) await outputs?.checkOutputs(paths);
    const task: Task = { runtime, endpoint, settings, args };
    const { results, isGood } = settings.findRate
      ? await search(task)
      : settings.runs !== undefined
      ? await runSeveral(task, settings.runs)
      : await runOnce(task);
    if (paths) {
      const subject = { name: formatEndpoint(endpoint), results };
      await outputs?.writeOutputs(paths, subject, args);
    }
    return isGood ? 0 : 1;
  } catch (error) {
    await tellError(runtime, error);
    return error instanceof UsageError ? 2 : 1;
  }
}

async function tellError({ stderr }: Runtime, error: unknown): Promise<void> {
  await tellText(stderr, `${explain(error).replace(/\s+/g, " ")}\n`);
}

/** A load to run. */
interface Task {
  readonly runtime: Runtime;
  readonly endpoint: Addr;
  readonly settings: BenchSettings;
  /** The command line. */
  readonly args: readonly string[];
}

/** The outcome of a task, which has been printed. */
interface Done {
  readonly results: readonly BenchResult[];
  /** Whether all went well, and could be printed. */
  readonly isGood: boolean;
}

async function runOnce(
  { runtime, endpoint, settings, args }: Task,
): Promise<Done> {
  const result = await runWithProgress(runtime, endpoint, settings);
  const broken = exceeded(result, settings);
  const isWritten = await printText(
    runtime,
    settings.json
      ? `${JSON.stringify({ ...result, exceeded: broken, args })}\n`
      : formatResult(result, broken),
  );
  return {
    results: [result],
    isGood: isWritten && isFaultless(result) && broken.length === 0,
  };
}

/** One run after another: the first that fails, but for the very first, is told and ends them. */
class Series {
  /** Whether no run has failed, and all could be printed. */
  isGood = true;
  readonly #task: Task;
  #count = 0;
  #isInterrupted = false;

  constructor(task: Task) {
    this.#task = task;
  }

  /**
   * Runs it with settings. Returns undefined if it has failed, and others have not,
   * or if there was a signal: that may also come when the sending is over.
   */
  async run(settings: BenchSettings): Promise<BenchResult | undefined> {
    if (this.#isInterrupted) return undefined;
    const { runtime, endpoint } = this.#task;
    try {
      const result = await runWithProgress(
        runtime,
        endpoint,
        settings,
        () => this.#isInterrupted = true,
      );
      this.#count++;
      return result;
    } catch (error) {
      if (this.#count === 0) throw error;
      this.isGood = false;
      await tellError(runtime, error);
      return undefined;
    }
  }

  async print(text: string): Promise<void> {
    this.isGood = await printText(this.#task.runtime, text) && this.isGood;
  }
}

/** Repeats the run, and prints the spread. */
async function runSeveral(task: Task, count: number): Promise<Done> {
  const { settings, args } = task;
  const series = new Series(task);
  const { formatSpreads, repeat, spreads } = await import("./runs.ts");
  const broken: string[] = [];
  const results = await repeat(
    count,
    () => series.run(settings),
    async (result, number) => {
      const own = exceeded(result, settings);
      broken.push(...own.map((line) => `Run ${number}: ${line}`));
      if (settings.json) return;
      await series.print(
        `Run ${number} of ${count}\n${formatResult(result, own)}\n`,
      );
    },
  );
  if (settings.json) {
    const all = { runs: results, spread: spreads(results) };
    await series.print(
      `${JSON.stringify({ ...all, exceeded: broken, args })}\n`,
    );
  } else {
    await series.print(formatSpreads(results));
  }
  return {
    results,
    isGood: series.isGood && results.every(isFaultless) && broken.length === 0,
  };
}

/** Looks for the highest rate that keeps the limits. */
async function search(task: Task): Promise<Done> {
  const { settings, args } = task;
  const series = new Series(task);
  const { findRate, formatFound, formatStep } = await import("./find_rate.ts");
  const { rate: first, duration = STEP } = settings;
  const found = await findRate(
    (rate) => series.run({ ...settings, rate, duration }),
    settings,
    async (step) => {
      if (!settings.json) await series.print(`${formatStep(step)}\n`);
    },
    { first, duration },
  );
  const { result } = found;
  await series.print(
    settings.json
      ? `${JSON.stringify({ ...found, args })}\n`
      : `${formatFound(found)}\n${result ? `\n${formatResult(result)}` : ""}`,
  );
  return {
    results: result ? [result] : [],
    isGood: series.isGood && !!result,
  };
}

function isFaultless({ firstErrors }: BenchResult): boolean {
  return firstErrors.length === 0;
}

async function runWithProgress(
  { stderr, onSignal }: Runtime,
  endpoint: Addr,
  { size, tlsCa, progress: isTold, ...settings }: BenchSettings,
  onInterrupt?: () => void,
): Promise<BenchResult> {
  const ca = tlsCa === undefined ? undefined : await readCa(tlsCa);
  const early = new AbortController();
  const hurried = new AbortController();
  const ignoreSignals = onSignal(() => {
    onInterrupt?.();
    if (early.signal.aborted) {
      // The system's default action for the next signal ends the process.
      ignoreSignals();
      hurried.abort();
    }
    early.abort(new Error("Interrupted before all connections were open"));
  });
  const isLive = stderr.isTerminal();
  const rates: number[] = [];
  // The result is wanted even if the reader of the progress has gone.
  let told = Promise.resolve();
  const tell = (text: string) => {
    // One after another: a slow write would be overtaken.
    told = told.then(() => tellText(stderr, text));
  };
  const show = (progress: BenchProgress) => {
    rates.push(progress.messagesPerSecond);
    // A terminal that does not know its width has none.
    const columns = process.stderr.columns || Infinity;
    tell(
      isLive
        ? `\r\x1b[K${formatLiveProgress(progress, rates, columns)}`
        : `${formatProgress(progress)}\n`,
    );
  };
  try {
    return await bench({
      ...settings,
      endpoint: formatEndpoint(endpoint),
      size,
      ca,
      signal: early.signal,
      drainSignal: hurried.signal,
      onProgress: isLive || isTold ? show : undefined,
    });
  } finally {
    ignoreSignals();
    if (isLive) {
      tell("\r\x1b[K");
      await told;
    }
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
  const { connections, window = 1, size: [, largest] } = settings;
  const rate = settings.findRate ? Infinity : settings.rate;
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
  const answer = await new Promise<string>((resolve) => {
    // Ctrl+C and Ctrl+D close it, and leave the question without an answer.
    terminal.on("close", () => resolve(""));
    terminal.question(
      `This can load ${url} with more than 1,000 connections or 100 MB/s. Go on? [y/N] `,
      resolve,
    );
  });
  terminal.close();
  if (!/^y(es)?$/i.test(answer.trim())) throw new Error("Not started");
}
