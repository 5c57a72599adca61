/**
 * Loads an echo server, checks every byte that comes back, and says how long it
 * took.
 *
 * @example
 * ```ts
 * import { listen, serve } from "@echod/echod";
 * import { bench } from "@echod/echod/bench";
 *
 * const listener = await listen({ port: 0 });
 * await using _server = serve(listener);
 * if (!("port" in listener.addr)) throw new TypeError("Not TCP");
 * const { rate, latencyUs, errors } = await bench({
 *   endpoint: `tcp://127.0.0.1:${listener.addr.port}`,
 *   connections: 5,
 *   messages: 1_000,
 * });
 * console.log(rate, latencyUs.p99, errors);
 * ```
 *
 * @module
 */
import config from "../deno.json" with { type: "json" };
import { Latencies } from "./bench/latencies.ts";
import { Load, type Loader } from "./bench/load.ts";
import { type Plan, readOptions } from "./bench/plan.ts";
import { Team } from "./bench/team.ts";
import type {
  BenchOptions,
  BenchProgress,
  BenchResult,
} from "./bench/types.ts";
import { formatEndpoint } from "./endpoint.ts";
import { explain } from "./explain.ts";
import { loadRuntime } from "./runtime.ts";

export type { Fault, FaultKind } from "./bench/faults.ts";
export type { LatencySummary } from "./bench/latencies.ts";
export type { BenchOptions, BenchProgress, BenchResult };

/** How often progress is told, in milliseconds. */
const SECOND = 1_000;

/**
 * Loads an echo server, checks every byte that comes back, and says how long it
 * took.
 *
 * What goes wrong with bytes or with single connections is part of the result.
 *
 * @returns A promise of the result. It rejects with an Error when no connection
 * can be opened, with the signal's reason when that aborts before the
 * connections are open, and with a TypeError, a RangeError or a SyntaxError for
 * an option that is wrong.
 */
export async function bench(options: BenchOptions): Promise<BenchResult> {
  const plan = readOptions(options);
  const { signal, onProgress } = options;
  const runtime = await loadRuntime();
  const latencies = new Latencies();
  const record = (ms: number) => latencies.record(ms);
  const load: Loader = plan.workers > 1
    ? new Team(plan, plan.workers, record)
    : new Load(await runtime.loadConnector(plan.connector), plan.load, record);
  const aborted = Promise.withResolvers<void>();
  const abort = () => aborted.resolve();
  signal?.addEventListener("abort", abort);
  if (signal?.aborted) abort();
  try {
    await open(load, aborted.promise, formatEndpoint(plan.load.addr));
    signal?.throwIfAborted();

    const ended = Promise.race([aborted.promise, load.exhausted]);
    if (plan.warmup === 0) load.count();
    load.start();
    if (plan.warmup > 0) {
      await until(plan.warmup, ended);
      load.count();
    }
    const stopProgress = onProgress &&
      startProgress(plan, load, latencies, onProgress);
    await until(plan.duration, ended);
    stopProgress?.();
  } finally {
    signal?.removeEventListener("abort", abort);
    await load.stop();
  }
  return resultOf(plan, load, latencies, runtime.name);
}

async function open(
  load: Loader,
  aborted: Promise<void>,
  endpoint: string,
): Promise<void> {
  try {
    await Promise.race([aborted, load.open()]);
  } catch (cause) {
    throw new Error(`Cannot connect to ${endpoint}: ${explain(cause)}`, {
      cause,
    });
  }
}

/** Resolves after `ms`, or when `ended` does. */
async function until(ms: number, ended: Promise<void>): Promise<void> {
  if (ms === Infinity) return await ended;
  let timer;
  const passed = new Promise<void>((resolve) => {
    timer = setTimeout(resolve, ms);
  });
  await Promise.race([passed, ended]);
  clearTimeout(timer);
}

/** Tells every second how it goes. */
function startProgress(
  { load: { messages: limit }, duration }: Plan,
  load: Loader,
  latencies: Latencies,
  onProgress: (progress: BenchProgress) => void,
): () => void {
  let last = load.tally();
  const timer = setInterval(() => {
    const tally = load.tally();
    const seconds = tally.seconds - last.seconds;
    onProgress({
      done: Math.min(
        Math.max(tally.messages / limit, tally.seconds * 1000 / duration),
        1,
      ),
      elapsed: tally.seconds,
      rate: (tally.messages - last.messages) / seconds,
      bytesPerSecond: (tally.bytes - last.bytes) / seconds,
      ...latencies.look(),
      errors: load.faults.total,
    });
    last = tally;
  }, SECOND);
  return () => clearInterval(timer);
}

function resultOf(
  { load: { addr, connections, size: [least, most] } }: Plan,
  load: Loader,
  latencies: Latencies,
  runtime: string,
): BenchResult {
  const tally = load.tally();
  const { seconds, messages, bytes } = tally;
  return {
    endpoint: formatEndpoint(addr),
    connections,
    size: least === most ? least : [least, most],
    seconds,
    messages,
    bytes,
    rate: seconds > 0 ? messages / seconds : 0,
    perConnection: { least: tally.least, most: tally.most },
    latencyUs: latencies.summary(),
    histogram: latencies.octaves.flatMap((messages, octave) =>
      messages > 0 ? [{ lessThanUs: 2 ** (octave + 1), messages }] : []
    ),
    errors: Object.fromEntries(load.faults.counts),
    firstErrors: [...load.faults.first.values()],
    version: config.version,
    runtime,
  };
}
