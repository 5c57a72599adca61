import config from "../../deno.json" with { type: "json" };
import { formatEndpoint } from "../listen/endpoint.ts";
import { explain } from "../core/error_message.ts";
import { loadRuntime } from "../runtimes/detect.ts";
import { Latencies } from "./latencies.ts";
import { Load, type Loader } from "./load.ts";
import type { Plan } from "./plan.ts";
import { Team } from "./threads.ts";
import type { BenchProgress, BenchResult } from "./types.ts";

/** How often progress is told, in milliseconds. */
const SECOND = 1_000;

/** Who watches, and may end it. */
export interface Watch {
  /** Ends it early, with the result so far, when it aborts. */
  readonly signal?: AbortSignal | undefined;
  /** Called when the warm-up is over. */
  readonly onCount?: (() => void) | undefined;
  /** Called every second from then on. */
  readonly onProgress?: ((progress: BenchProgress) => void) | undefined;
}

/** Loads the endpoint as planned. */
export async function run(
  plan: Plan,
  { signal, onCount, onProgress }: Watch,
): Promise<BenchResult> {
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
    onCount?.();
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
  { load: { addr, connections, size: [least, most] }, connector }: Plan,
  load: Loader,
  latencies: Latencies,
  runtime: string,
): BenchResult {
  const tally = load.tally();
  const { seconds, messages, bytes } = tally;
  return {
    endpoint: formatEndpoint(addr),
    ...(connector.insecure && { insecure: true }),
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
