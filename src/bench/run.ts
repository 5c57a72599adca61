import process from "node:process";
import config from "../../deno.json" with { type: "json" };
import { formatEndpoint } from "../listen/endpoint.ts";
import { explain } from "../core/error_message.ts";
import { loadRuntime } from "../runtimes/detect.ts";
import { Latencies } from "./latencies.ts";
import { type Ending, Load, type Loader } from "./load.ts";
import type { Plan } from "./plan.ts";
import { Team } from "./threads.ts";
import type { BenchProgress, BenchResult } from "./types.ts";

/** The interval of progress reports, in milliseconds. */
const SECOND = 1_000;
/** Below which part of a rate it is not what was asked for. */
const ENOUGH = 0.99;
/** From which part of a processor on there is none left. */
const BUSY = 0.95;
/** How late messages are sent by a client that is too slow, in microseconds. */
const LATE = 10_000;

/** Observes a run, and may end it. */
export interface Watch {
  /** Ends it early, with the result so far, when it aborts. */
  readonly signal?: AbortSignal | undefined;
  /** Ends the wait for the last echoes when it aborts. */
  readonly drainSignal?: AbortSignal | undefined;
  /** Called when the warm-up is over. */
  readonly onCount?: (() => void) | undefined;
  /** Called every second. */
  readonly onProgress?: ((progress: BenchProgress) => void) | undefined;
}

/** The times of one phase. */
class Times {
  /** From the scheduled time to the echo. */
  readonly total = new Latencies();
  /** From the scheduled time to the sending. */
  readonly late = new Latencies();
  /** From the sending to the echo. */
  readonly response = new Latencies();
}

/** Loads the endpoint as planned. */
export async function run(
  plan: Plan,
  { signal, drainSignal, onCount, onProgress }: Watch,
): Promise<BenchResult> {
  const runtime = await loadRuntime();
  // The warm-up has its own, so that what counts finds the very same way warm.
  const times = [new Times(), new Times()] as const;
  const isScheduled = plan.load.rate !== undefined;
  const record = (phase: 0 | 1, total: number, late: number) => {
    times[phase].total.record(total);
    if (!isScheduled) return;
    times[phase].late.record(late);
    times[phase].response.record(total - late);
  };
  const load: Loader = plan.workers > 1
    ? new Team(plan, plan.workers, record)
    : new Load(await runtime.loadConnector(plan.connector), plan.load, record);
  const aborted = Promise.withResolvers<"interrupted">();
  const abort = () => aborted.resolve("interrupted");
  const hurry = () => load.hurry();
  signal?.addEventListener("abort", abort);
  drainSignal?.addEventListener("abort", hurry);
  if (signal?.aborted) abort();
  if (drainSignal?.aborted) hurry();
  let ended: Ended | undefined;
  let cpu = 0;
  try {
    await open(load, aborted.promise, formatEndpoint(plan.load.addr));
    signal?.throwIfAborted();

    const end = Promise.race([aborted.promise, load.exhausted]);
    const stopProgress = onProgress &&
      startProgress(plan, load, times, onProgress);
    if (plan.warmup === 0) load.count();
    load.start();
    if (plan.warmup > 0) {
      ended = await until(plan.warmup, end);
      if (!ended) load.count();
    }
    onCount?.();
    const stopCpu = startCpu(plan.workers);
    ended ??= await until(plan.duration, end);
    cpu = stopCpu();
    stopProgress?.();
  } finally {
    signal?.removeEventListener("abort", abort);
    await load.stop();
    drainSignal?.removeEventListener("abort", hurry);
  }
  return resultOf(plan, load, times[1], { ended, cpu, runtime: runtime.name });
}

/** Why it was over before its time. */
type Ended = Ending | "interrupted";

/** Measures which part of a processor each of the threads uses until it is called. */
function startCpu(threads: number): () => number {
  const startedAt = performance.now();
  const before = process.cpuUsage();
  return () => {
    const { user, system } = process.cpuUsage(before);
    const elapsed = Math.max(performance.now() - startedAt, 1) * 1000;
    return Math.min((user + system) / elapsed / threads, 1);
  };
}

async function open(
  load: Loader,
  aborted: Promise<unknown>,
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

/** Resolves after `ms`, or with what `ended` does, if that is earlier. */
async function until(
  ms: number,
  ended: Promise<Ended>,
): Promise<Ended | undefined> {
  if (ms === Infinity) return await ended;
  let timer;
  const passed = new Promise<undefined>((resolve) => {
    timer = setTimeout(() => resolve(undefined), ms);
  });
  try {
    return await Promise.race([passed, ended]);
  } finally {
    clearTimeout(timer);
  }
}

/** Reports progress every second. */
function startProgress(
  { load: { messages: limit }, warmup, duration }: Plan,
  load: Loader,
  [warm, counted]: readonly [Times, Times],
  onProgress: (progress: BenchProgress) => void,
): () => void {
  const startedAt = performance.now();
  let last = { elapsed: 0, arrived: 0, arrivedBytes: 0 };
  const timer = setInterval(() => {
    const { arrived, arrivedBytes, messages, seconds } = load.tally();
    const elapsed = (performance.now() - startedAt) / 1000;
    const rate = (arrived - last.arrived) / (elapsed - last.elapsed);
    const isWarm = seconds === 0;
    onProgress({
      done: Math.min(
        Math.max(messages / limit, elapsed * 1000 / (warmup + duration)),
        1,
      ),
      elapsed,
      warmup: isWarm,
      rate,
      bytesPerSecond: (arrivedBytes - last.arrivedBytes) /
        (elapsed - last.elapsed),
      ...(isWarm ? warm : counted).total.look(),
      errors: load.faults.total,
    });
    last = { elapsed, arrived, arrivedBytes };
  }, SECOND);
  return () => clearInterval(timer);
}

function resultOf(
  { load: plan, duration, connector }: Plan,
  load: Loader,
  { total, late, response }: Times,
  { ended, cpu, runtime }: {
    ended: Ended | undefined;
    cpu: number;
    runtime: string;
  },
): BenchResult {
  const { addr, connections, size: [least, most], rate: asked } = plan;
  const tally = load.tally();
  const { seconds, messages, bytes } = tally;
  const sendLateUs = asked === undefined ? null : late.summary();
  const isLate = tally.sentRate < ENOUGH * (asked ?? 0) ||
    (sendLateUs?.p99 ?? 0) >= LATE;
  return {
    endpoint: formatEndpoint(addr),
    address: tally.address ?? null,
    ...(connector.insecure && { insecure: true }),
    connections,
    size: least === most ? least : [least, most],
    planned: {
      seconds: finite(duration / 1000),
      messages: finite(plan.messages),
    },
    endedEarly: ended === undefined && messages < plan.messages &&
        plan.messages < Infinity
      ? "the time was up"
      : ended === "all sent"
      ? null
      : ended ?? null,
    seconds,
    messages,
    bytes,
    rate: seconds > 0 ? tally.echoed / seconds : 0,
    rates: asked === undefined
      ? null
      : { asked, sent: tally.sentRate, echoed: tally.pace },
    unsent: tally.unsent,
    clientCpu: cpu,
    // With a rate it waits awake for the time to send: that is no limit.
    clientWasLimit: cpu >= BUSY && (asked === undefined || isLate),
    perConnection: { least: tally.least, most: tally.most },
    latencyUs: total.summary(),
    sendLateUs,
    responseUs: asked === undefined ? null : response.summary(),
    histogram: total.octaves.flatMap((messages, octave) =>
      messages > 0 ? [{ lessThanUs: 2 ** (octave + 1), messages }] : []
    ),
    errors: Object.fromEntries(load.faults.counts),
    firstErrors: [...load.faults.first.values()],
    version: config.version,
    runtime,
  };
}

function finite(value: number): number | null {
  return value === Infinity ? null : value;
}
