import process from "node:process";
import config from "../../deno.json" with { type: "json" };
import { formatEndpoint } from "../core/format_addr.ts";
import { explain } from "../core/error_message.ts";
import { loadRuntime } from "../runtimes/detect.ts";
import { loadConnector } from "./connect.ts";
import { jain } from "./fairness.ts";
import { Histogram, type HistogramData } from "./histogram.ts";
import { Latencies, summarize } from "./latencies.ts";
import { Load } from "./load.ts";
import type { Ending, Loader, Tally } from "./loader.ts";
import type { Plan } from "./plan.ts";
import { SECOND, Series, type Totals } from "./series.ts";
import type { ConnectionFigures } from "./seat.ts";
import { Team } from "./threads.ts";
import type { BenchProgress } from "./bench_options.ts";
import type {
  BenchConnections,
  BenchDatagrams,
  BenchResult,
} from "./bench_result.ts";

/** Which part of the messages may be overdue before the client is too slow. */
const FEW = 0.01;
/** The share of a processor from which on the client is the limit. */
const BUSY = 0.95;
/** From which time on it tells that, in milliseconds: at first the runtime compiles. */
const LONG = 100;

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
    : new Load(await loadConnector(plan.connector), plan.load, record);
  const aborted = Promise.withResolvers<"interrupted">();
  const abort = () => aborted.resolve("interrupted");
  const hurry = () => load.hurry();
  signal?.addEventListener("abort", abort);
  drainSignal?.addEventListener("abort", hurry);
  if (signal?.aborted) abort();
  if (drainSignal?.aborted) hurry();
  let ended: Ended | undefined;
  let cpu: Cpu = { share: 0, ms: 0 };
  let startedAt = new Date();
  const observer = new Observer(plan, load, times, onProgress);
  try {
    await open(load, aborted.promise, formatEndpoint(plan.load.addr));
    signal?.throwIfAborted();

    const end = Promise.race([aborted.promise, load.exhausted]);
    startedAt = new Date();
    observer.start();
    const { warmup } = plan.load;
    if (warmup === 0) load.count();
    load.start();
    if (warmup > 0) {
      ended = await until(warmup, end);
      if (!ended) load.count();
    }
    observer.count();
    onCount?.();
    const stopCpu = startCpu(plan.workers);
    ended ??= await until(plan.duration, end);
    cpu = stopCpu();
  } finally {
    signal?.removeEventListener("abort", abort);
    await load.stop();
    observer.stop();
    drainSignal?.removeEventListener("abort", hurry);
  }
  return resultOf(plan, load, times[1], {
    ended,
    cpu,
    runtime: runtime.name,
    startedAt,
    series: observer.series,
  });
}

/** Why it was over before its time. */
type Ended = Ending | "interrupted";

/** Which part of a processor each thread used, over so many milliseconds. */
interface Cpu {
  readonly share: number;
  readonly ms: number;
}

/** Measures which part of a processor each of the threads uses until it is called. */
function startCpu(threads: number): () => Cpu {
  const startedAt = performance.now();
  const before = process.cpuUsage();
  return () => {
    const { user, system } = process.cpuUsage(before);
    const ms = Math.max(performance.now() - startedAt, 1);
    const share = Math.min((user + system) / 1000 / ms / threads, 1);
    return { share, ms };
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

/** Looks at a run every second: for the series of the result, and for progress. */
class Observer {
  readonly #plan: Plan;
  readonly #load: Loader;
  readonly #times: readonly [Times, Times];
  readonly #onProgress: ((progress: BenchProgress) => void) | undefined;
  #timer: ReturnType<typeof setInterval> | undefined;
  #series: Series | undefined;
  #startedAt = 0;
  #last = { elapsedMs: 0, arrived: 0, arrivedBytes: 0 };

  constructor(
    plan: Plan,
    load: Loader,
    times: readonly [Times, Times],
    onProgress?: (progress: BenchProgress) => void,
  ) {
    this.#plan = plan;
    this.#load = load;
    this.#times = times;
    this.#onProgress = onProgress;
  }

  /** The series of the counted time. */
  get series(): Series["seconds"] {
    return this.#series?.seconds ?? [];
  }

  /** The first message is sent. */
  start(): void {
    this.#startedAt = performance.now();
    this.#timer = setInterval(() => this.#look(), SECOND);
  }

  /** The warm-up is over. */
  count(): void {
    clearInterval(this.#timer);
    const elapsedMs = performance.now() - this.#startedAt;
    if (elapsedMs - this.#last.elapsedMs >= SECOND / 2) this.#look();
    this.#series = new Series(this.#plan.duration, this.#totals());
    this.#timer = setInterval(() => this.#look(), SECOND);
  }

  /** Everything has come back, or is waited for no longer. */
  stop(): void {
    clearInterval(this.#timer);
    this.#series?.finish(this.#totals(), this.#times[1].total.look());
  }

  #totals(): Totals {
    const { messages, bytes, lost } = this.#load.tally();
    return { messages, bytes, lost, errors: this.#load.faults.total };
  }

  #look(): void {
    const series = this.#series;
    const { total } = this.#times[series ? 1 : 0];
    // The last second may be longer, but has to be no fragment.
    const isLast = series?.isAtEnd ?? false;
    const look = isLast ? total.peek() : total.look();
    if (!isLast) series?.add(this.#totals(), look);

    const { load: { messages: limit, warmup }, duration } = this.#plan;
    const { arrived, arrivedBytes, messages, lost } = this.#load.tally();
    const elapsedMs = performance.now() - this.#startedAt;
    const seconds = (elapsedMs - this.#last.elapsedMs) / 1000;
    this.#onProgress?.({
      done: Math.min(
        Math.max(messages / limit, elapsedMs / (warmup + duration)),
        1,
      ),
      elapsedMs,
      warmup: !series,
      messagesPerSecond: (arrived - this.#last.arrived) / seconds,
      bytesPerSecond: (arrivedBytes - this.#last.arrivedBytes) / seconds,
      ...look,
      errors: this.#load.faults.total,
      lost,
    });
    this.#last = { elapsedMs, arrived, arrivedBytes };
  }
}

function resultOf(
  plan: Plan,
  load: Loader,
  times: Times,
  { ended, cpu, runtime, startedAt, series }: {
    ended: Ended | undefined;
    cpu: Cpu;
    runtime: string;
    startedAt: Date;
    series: Series["seconds"];
  },
): BenchResult {
  const { addr, connections, size: [least, most], rate: asked } = plan.load;
  const tally = load.tally();
  const { connects, each, gaps } = load.details();
  const { seconds, messages, bytes } = tally;
  const total = times.total.all();
  const due = tally.sent + tally.unsent;
  const isLate = tally.overdue > FEW * due;
  return {
    endpoint: formatEndpoint(addr),
    address: tally.address ?? null,
    ...(plan.connector.insecure && { insecure: true }),
    options: {
      connections,
      sizeBytes: least === most ? least : [least, most],
      durationMs: finite(plan.duration),
      messages: finite(plan.load.messages),
      messagesPerSecond: asked ?? null,
      window: plan.load.window,
      churn: plan.load.churn,
      reconnect: plan.load.reconnect,
      rampMs: plan.load.ramp,
      warmupMs: plan.load.warmup,
      proxyProtocol: plan.connector.proxyProtocol ?? null,
      workers: plan.workers,
      timeoutMs: plan.timeout,
      drainMs: plan.load.drain,
      percentiles: plan.percentiles,
    },
    startedAt: startedAt.toISOString(),
    durationMs: Math.round(seconds * 1e6) / 1000,
    endedEarly: ended === undefined && messages < plan.load.messages &&
        plan.load.messages < Infinity
      ? "the time was up"
      : ended === "all sent"
      ? null
      : ended ?? null,
    messages,
    bytes,
    messagesPerSecond: seconds > 0 ? tally.echoed / seconds : 0,
    ratesPerSecond: asked === undefined
      ? null
      : { asked, sent: tally.sentRate, echoed: tally.pace },
    unsent: tally.unsent,
    notAwaited: tally.notAwaited,
    clientCpu: cpu.share,
    clientStalledMs: Math.round(tally.stalled),
    // With a rate it waits awake for the time to send: that is no limit.
    clientWasLimit: cpu.share >= BUSY && cpu.ms >= LONG &&
      (asked === undefined || isLate),
    perConnection: spreadOf(tally, each),
    latencyUs: summarize(total),
    percentilesUs: plan.percentiles.map((percent) => ({
      percent,
      us: total.percentile(percent),
    })),
    sendLateUs: asked === undefined ? null : summarize(times.late.all()),
    responseUs: asked === undefined ? null : summarize(times.response.all()),
    connectUs: summarize(histogramOf(connects)),
    datagrams: addr.transport === "udp" ? datagramsOf(tally, each) : null,
    reconnections: plan.load.reconnect
      ? {
        cut: gaps.cut,
        inFlight: gaps.inFlight,
        notBack: gaps.open,
        gapUs: summarize(histogramOf(gaps.times)),
      }
      : null,
    histogram: total.octaves().flatMap((messages, octave) =>
      messages > 0 ? [{ lessThanUs: 2 ** (octave + 1), messages }] : []
    ),
    curve: total.curve(),
    series,
    errors: Object.fromEntries(load.faults.counts),
    firstErrors: [...load.faults.first.values()],
    version: config.version,
    runtime,
  };
}

function histogramOf(data: HistogramData): Histogram {
  const histogram = new Histogram();
  histogram.add(data);
  return histogram;
}

function spreadOf(
  { least, most }: Tally,
  each: readonly ConnectionFigures[],
): BenchConnections {
  const messages = each.map((one) => one.messages);
  return {
    least,
    most,
    jain: jain(messages),
    messages,
    p50Us: each.map(({ p50Us }) => p50Us),
    p99Us: each.map(({ p99Us }) => p99Us),
  };
}

function datagramsOf(
  { sent, messages, lost, unread, duplicated, reordered }: Tally,
  each: readonly ConnectionFigures[],
): BenchDatagrams {
  const jitters = each.flatMap(({ jitterUs }) => jitterUs ?? []);
  const sum = jitters.reduce((sum, one) => sum + one, 0);
  return {
    sent,
    received: messages,
    lost,
    lostPercent: sent > 0 ? lost / sent * 100 : 0,
    unread,
    duplicated,
    reordered,
    jitterUs: jitters.length > 0
      ? Math.round(sum / jitters.length * 10) / 10
      : null,
  };
}

function finite(value: number): number | null {
  return value === Infinity ? null : value;
}
