import { Worker } from "node:worker_threads";
import { explain } from "../core/error_message.ts";
import type { ConnectOptions } from "./connect.ts";
import { type Fault, type FaultKind, Faults } from "./faults.ts";
import { Histogram } from "./histogram.ts";
import type {
  Details,
  Ending,
  Loader,
  LoadOptions,
  Recorder,
  Tally,
} from "./loader.ts";

/** The task of a worker. */
export interface Task {
  readonly load: LoadOptions;
  readonly connector: ConnectOptions;
}

/** A message to a worker. They come in this order; `hurry` may come at any time. */
export type Order = "open" | "start" | "count" | "stop" | "hurry";

/** A message from a worker. */
export type Report =
  | { readonly type: "opened" }
  /** The worker cannot open any connection. */
  | { readonly type: "refused"; readonly message: string }
  | { readonly type: "exhausted"; readonly ending: Ending }
  | {
    readonly type: "tally";
    readonly tally: Tally;
    readonly counts: ReadonlyMap<FaultKind, number>;
    readonly first: ReadonlyMap<FaultKind, Fault>;
    /** The phase, latency and lateness of each echo since the last tally. */
    readonly latencies: Float64Array;
  }
  /** The worker has stopped; this is its last message. */
  | { readonly type: "stopped"; readonly details: Details };

/** A load that several threads share. */
export class Team implements Loader {
  readonly exhausted: Promise<Ending>;
  readonly #members: Member[];

  /** Tells `record` of each echo. */
  constructor(
    { load, connector }: Task,
    workers: number,
    record: Recorder,
  ) {
    this.#members = [];
    for (let index = 0; index < workers; index++) {
      const task = { load: shareOf(load, index, workers), connector };
      this.#members.push(new Member(task, record));
    }
    const all = this.#members.map((member) => member.exhausted.promise);
    this.exhausted = Promise.all(all).then((endings) =>
      endings.find((ending) => ending !== "all sent") ?? "all sent"
    );
  }

  get faults(): Faults {
    const faults = new Faults();
    for (const { counts, first } of this.#members) {
      for (const [kind, fault] of first) {
        const earlier = faults.first.get(kind);
        if (!earlier) faults.first.set(kind, fault);
        const count = (faults.counts.get(kind) ?? 0) + (counts.get(kind) ?? 0);
        faults.counts.set(kind, count);
      }
    }
    return faults;
  }

  async open(): Promise<void> {
    const tried = this.#members.map((member) => member.opened.promise);
    this.#order("open");
    const refusals = await Promise.all(tried);
    const [reason, ...others] = refusals.filter((one) => one !== undefined);
    if (reason !== undefined && others.length + 1 === refusals.length) {
      throw new Error(reason);
    }
  }

  start(): void {
    this.#order("start");
  }

  count(): void {
    this.#order("count");
  }

  async stop(): Promise<void> {
    this.#order("stop");
    try {
      await Promise.all(this.#members.map((member) => member.stopped.promise));
    } finally {
      await Promise.all(this.#members.map((member) => member.terminate()));
    }
  }

  hurry(): void {
    this.#order("hurry");
  }

  tally(): Tally {
    const all = this.#members.map((member) => member.tally);
    const sum = (
      field:
        | "messages"
        | "bytes"
        | "echoed"
        | "arrived"
        | "arrivedBytes"
        | "sent"
        | "sentRate"
        | "unsent"
        | "notAwaited"
        | "overdue"
        | "pace"
        | "lost"
        | "unread"
        | "duplicated"
        | "reordered",
    ) => all.reduce((sum, tally) => sum + tally[field], 0);
    return {
      seconds: Math.max(...all.map(({ seconds }) => seconds)),
      messages: sum("messages"),
      bytes: sum("bytes"),
      least: Math.min(...all.map(({ least }) => least)),
      most: Math.max(...all.map(({ most }) => most)),
      echoed: sum("echoed"),
      arrived: sum("arrived"),
      arrivedBytes: sum("arrivedBytes"),
      sent: sum("sent"),
      sentRate: sum("sentRate"),
      unsent: sum("unsent"),
      notAwaited: sum("notAwaited"),
      stalled: Math.max(...all.map(({ stalled }) => stalled)),
      overdue: sum("overdue"),
      pace: sum("pace"),
      lost: sum("lost"),
      unread: sum("unread"),
      duplicated: sum("duplicated"),
      reordered: sum("reordered"),
      address: all.find(({ address }) => address !== undefined)?.address,
    };
  }

  details(): Details {
    const [connects, times] = [new Histogram(), new Histogram()];
    const gaps = { cut: 0, inFlight: 0, open: 0 };
    for (const { details } of this.#members) {
      if (!details) continue;
      connects.add(details.connects);
      times.add(details.gaps.times);
      gaps.cut += details.gaps.cut;
      gaps.inFlight += details.gaps.inFlight;
      gaps.open += details.gaps.open;
    }
    const each = this.#members.flatMap(({ details }) => details?.each ?? []);
    return {
      connects: connects.data(),
      each: each.toSorted((a, b) => a.connection - b.connection),
      gaps: { ...gaps, times: times.data() },
    };
  }

  #order(order: Order): void {
    for (const member of this.#members) member.order(order);
  }
}

/** Returns the share of one thread. */
export function shareOf(
  load: LoadOptions,
  index: number,
  workers: number,
): LoadOptions {
  const { connections, messages, rate, delay } = load;
  /** The number of connections in the threads before it. */
  const before = (index: number) =>
    index * Math.floor(connections / workers) +
    Math.min(index, connections % workers);
  const own = before(index + 1) - before(index);
  // Every connection gets the same, however many a thread has.
  const upTo = (index: number) =>
    Math.floor(messages * before(index) / connections);
  return {
    ...load,
    connections: own,
    messages: messages === Infinity ? messages : upTo(index + 1) - upTo(index),
    rate: rate && rate * own / connections,
    // They send in turn, not all of them at once.
    delay: rate ? delay + index * 1000 / rate : delay,
    ids: { first: index + 1, step: workers },
  };
}

/** One thread. */
class Member {
  /** Resolves with the reason if it cannot open a connection. */
  readonly opened = Promise.withResolvers<string | undefined>();
  readonly exhausted = Promise.withResolvers<Ending>();
  readonly stopped = Promise.withResolvers<void>();
  tally: Tally = {
    seconds: 0,
    messages: 0,
    bytes: 0,
    least: 0,
    most: 0,
    echoed: 0,
    arrived: 0,
    arrivedBytes: 0,
    sent: 0,
    sentRate: 0,
    unsent: 0,
    notAwaited: 0,
    stalled: 0,
    overdue: 0,
    pace: 0,
    lost: 0,
    unread: 0,
    duplicated: 0,
    reordered: 0,
    address: undefined,
  };
  details: Details | undefined;
  counts: ReadonlyMap<FaultKind, number> = new Map();
  first: ReadonlyMap<FaultKind, Fault> = new Map();
  readonly #worker: Worker;
  readonly #record: Recorder;

  constructor(task: Task, record: Recorder) {
    this.#record = record;
    this.#worker = startThread(task);
    this.#worker.on("message", (report: Report) => this.#hear(report));
    this.#worker.on("error", (error) => {
      this.opened.reject(error);
      this.stopped.reject(error);
      this.exhausted.resolve("no connection left");
    });
    // Not every promise is awaited in every run.
    this.opened.promise.catch(() => {});
    this.stopped.promise.catch(() => {});
  }

  order(order: Order): void {
    this.#worker.postMessage(order);
  }

  async terminate(): Promise<void> {
    await this.#worker.terminate();
  }

  #hear(report: Report): void {
    switch (report.type) {
      case "opened":
        this.opened.resolve(undefined);
        break;
      case "refused":
        this.opened.resolve(report.message);
        break;
      case "exhausted":
        this.exhausted.resolve(report.ending);
        break;
      case "tally":
        this.tally = report.tally;
        this.counts = report.counts;
        this.first = report.first;
        this.#recordAll(report.latencies);
        break;
      case "stopped":
        this.details = report.details;
        this.stopped.resolve();
        break;
    }
  }

  #recordAll(latencies: Float64Array): void {
    for (let i = 0; i < latencies.length; i += 3) {
      const [phase, total = 0, late = 0] = latencies.subarray(i, i + 3);
      this.#record(phase === 1 ? 1 : 0, total, late);
    }
  }
}

function startThread(task: Task): Worker {
  const module = new URL("./bench_worker.ts", import.meta.url);
  try {
    return new Worker(module, { workerData: task });
  } catch (cause) {
    // Deno needs permission to read the module.
    throw new Error(`Cannot start a worker: ${explain(cause)}`, { cause });
  }
}
