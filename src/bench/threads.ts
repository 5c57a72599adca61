import { Worker } from "node:worker_threads";
import type { ConnectorOptions } from "../runtimes/connector.ts";
import { explain } from "../core/error_message.ts";
import { type Fault, type FaultKind, Faults } from "./faults.ts";
import type { Loader, LoadOptions, Tally } from "./load.ts";

/** What a worker has to do. */
export interface Task {
  readonly load: LoadOptions;
  readonly connector: ConnectorOptions;
}

/** What a worker is told, in this order. */
export type Order = "open" | "start" | "count" | "stop";

/** What a worker tells. */
export type Report =
  | { readonly type: "opened" }
  /** There is no connection that it can open. */
  | { readonly type: "refused"; readonly message: string }
  | { readonly type: "exhausted" }
  | {
    readonly type: "tally";
    readonly tally: Tally;
    readonly counts: ReadonlyMap<FaultKind, number>;
    readonly first: ReadonlyMap<FaultKind, Fault>;
    /** Of the echoes since the last time, in milliseconds. */
    readonly latencies: Float64Array;
  }
  /** This is the last. */
  | { readonly type: "stopped" };

/** A load that several threads share. */
export class Team implements Loader {
  readonly exhausted: Promise<void>;
  readonly #members: Member[];

  /** Tells `record` how long each counted echo took, in milliseconds. */
  constructor(
    { load, connector }: Task,
    workers: number,
    record: (ms: number) => void,
  ) {
    this.#members = [];
    for (let index = 0; index < workers; index++) {
      const task = { load: shareOf(load, index, workers), connector };
      this.#members.push(new Member(task, record));
    }
    const all = this.#members.map((member) => member.exhausted.promise);
    this.exhausted = Promise.all(all).then(() => {});
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

  tally(): Tally {
    const all = this.#members.map((member) => member.tally);
    const sum = (field: "messages" | "bytes") =>
      all.reduce((sum, tally) => sum + tally[field], 0);
    return {
      seconds: Math.max(...all.map(({ seconds }) => seconds)),
      messages: sum("messages"),
      bytes: sum("bytes"),
      least: Math.min(...all.map(({ least }) => least)),
      most: Math.max(...all.map(({ most }) => most)),
    };
  }

  #order(order: Order): void {
    for (const member of this.#members) member.order(order);
  }
}

/** What one of several threads has to do of all. */
export function shareOf(
  load: LoadOptions,
  index: number,
  workers: number,
): LoadOptions {
  const part = (all: number) =>
    all === Infinity ? all : Math.floor((all + index) / workers);
  return {
    ...load,
    connections: part(load.connections),
    messages: part(load.messages),
    rate: load.rate && load.rate / workers,
    ids: { first: index + 1, step: workers },
  };
}

/** One thread. */
class Member {
  /** Resolves with why it cannot, if it cannot. */
  readonly opened = Promise.withResolvers<string | undefined>();
  readonly exhausted = Promise.withResolvers<void>();
  readonly stopped = Promise.withResolvers<void>();
  tally: Tally = { seconds: 0, messages: 0, bytes: 0, least: 0, most: 0 };
  counts: ReadonlyMap<FaultKind, number> = new Map();
  first: ReadonlyMap<FaultKind, Fault> = new Map();
  readonly #worker: Worker;
  readonly #record: (ms: number) => void;

  constructor(task: Task, record: (ms: number) => void) {
    this.#record = record;
    this.#worker = startThread(task);
    this.#worker.on("message", (report: Report) => this.#hear(report));
    this.#worker.on("error", (error) => {
      this.opened.reject(error);
      this.stopped.reject(error);
      this.exhausted.resolve();
    });
    // Each is waited for only if it comes to that.
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
        this.exhausted.resolve();
        break;
      case "tally":
        this.tally = report.tally;
        this.counts = report.counts;
        this.first = report.first;
        report.latencies.forEach(this.#record);
        break;
      case "stopped":
        this.stopped.resolve();
        break;
    }
  }
}

function startThread(task: Task): Worker {
  const module = new URL("./worker.ts", import.meta.url);
  try {
    return new Worker(module, { workerData: task });
  } catch (cause) {
    // Deno has to be allowed to read it.
    throw new Error(`Cannot start a worker: ${explain(cause)}`, { cause });
  }
}
