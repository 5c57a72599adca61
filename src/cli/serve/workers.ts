import { setTimeout as sleep } from "node:timers/promises";
import { Worker } from "node:worker_threads";
import type { RefusalDetails, RefuseReason } from "../../core/serve_options.ts";
import { Counts, sumCounts, type Sums } from "../../core/counts.ts";
import { canBeShared } from "../../listen/endpoint.ts";
import type { Survey } from "../../admin/connections.ts";
import type { ClosedConnection } from "../../core/serve_options.ts";
import type { ShutdownOptions } from "../../core/echo_server.ts";
import type { Addr } from "../../core/transport.ts";
import type { EndpointSettings } from "./endpoint_settings.ts";
import type { Settings } from "./settings.ts";
import { openAll, type Opened } from "./open_endpoints.ts";
import { explain } from "../../core/error_message.ts";
import type { Newcomer, Observer, Serving } from "./serve_in_thread.ts";

/** The first and the longest wait before a dead worker is replaced, in milliseconds. */
const BACKOFF = { first: 5, longest: 1_000 };

/** The message of a worker that listens. */
interface Listening {
  readonly type: "listening";
  readonly endpoints: readonly EndpointSettings[];
  /** The memory of its counts, which it shares with this thread. */
  readonly counts: ArrayBufferLike;
  /** The same of the meter of its event loop, if it has one. */
  readonly delays: readonly ArrayBufferLike[];
}

/** How long a worker may take to list its connections, in milliseconds. */
const PATIENCE = 1_000;

/** A message from a worker. */
export type Report =
  | Listening
  /** The worker cannot listen. */
  | { readonly type: "failed"; readonly message: string }
  | {
    readonly type: "refused";
    readonly addr: Addr;
    readonly reason: RefuseReason;
    readonly details: RefusalDetails;
  }
  | { readonly type: "open"; readonly connection: Newcomer }
  | { readonly type: "close"; readonly connection: ClosedConnection }
  | { readonly type: "error"; readonly message: string }
  /** The worker has begun to shut down, and has this many open connections. */
  | { readonly type: "draining"; readonly connections: number }
  /** The worker has reloaded certificate and key, or has failed to. */
  | { readonly type: "reloaded"; readonly endpoints: number }
  | { readonly type: "reloaded"; readonly message: string }
  | { readonly type: "listed"; readonly survey: Survey }
  | { readonly type: "finished" };

/** A message to a worker. */
export type Order =
  | { readonly type: "shutdown"; readonly options: ShutdownOptions }
  /** To reload certificate and key. */
  | { readonly type: "reload" }
  /** To list the newest connections, or to survey all of them. */
  | { readonly type: "list" | "survey"; readonly limit: number };

/** What a thread is to do. */
export interface Assignment {
  readonly settings: Settings;
  /** The memory of the counts of the thread whose place it takes. */
  readonly counts: ArrayBufferLike | undefined;
}

/** Starts a thread that serves. */
export type StartThread = (assignment: Assignment) => Worker;

/** Starts a thread of `serve_worker.ts`. */
export function startThread(assignment: Assignment): Worker {
  const module = new URL("./serve_worker.ts", import.meta.url);
  try {
    return new Worker(module, { workerData: assignment });
  } catch (cause) {
    // Deno needs permission to read the module.
    throw new Error(`Cannot start a worker: ${explain(cause)}`, { cause });
  }
}

/**
 * Serves in as many threads as the settings say, all on the same ports. A thread
 * that dies is started again, and goes on with its counts. Rejects, and leaves
 * none behind, when one of them cannot listen.
 */
export async function serveOnWorkers(
  settings: Settings,
  observer: Observer,
  start: StartThread = startThread,
): Promise<Serving> {
  const startedAt = new Date();
  const workers = new Workers(observer, start);
  const endpoints = await findPorts(settings);
  let bound: readonly EndpointSettings[] = [];
  try {
    for (let index = 0; index < settings.workers; index++) {
      const share = shareOf({ ...settings, endpoints }, index);
      const own = await workers.add(share);
      // The first has those too that cannot be shared.
      if (index === 0) bound = own;
    }
  } catch (error) {
    await workers.shutdown({ grace: 0 });
    await workers.finished();
    throw error;
  }
  return {
    endpoints: bound,
    finished: workers.finished(),
    get delays() {
      return workers.delays;
    },
    stats: () => ({
      ...workers.sums(),
      limit: settings.maxConnections ?? Infinity,
      stopping: workers.stopping,
      startedAt,
    }),
    async connections(limit) {
      return (await workers.survey("list", limit)).connections;
    },
    survey: (limit) => workers.survey("survey", limit),
    reload: () => workers.reload(),
    shutdown: (options) => workers.shutdown(options),
  };
}

/**
 * Returns the endpoints with the real ports of those that the workers share.
 * Rejects if another process listens on one: a socket that shares its port would
 * not notice.
 */
async function findPorts(
  settings: Settings,
): Promise<readonly EndpointSettings[]> {
  const opened: Opened[] = [];
  try {
    const endpoints: EndpointSettings[] = [];
    for (const endpoint of settings.endpoints) {
      if (!canBeShared(endpoint.addr)) {
        endpoints.push(endpoint);
        continue;
      }
      const alone = { ...settings, endpoints: [endpoint], workers: 1 };
      const bound = await openAll(alone);
      opened.push(...bound);
      endpoints.push(...bound.map(({ endpoint }) => endpoint));
    }
    return endpoints;
  } finally {
    for (const { listener } of opened) listener.close();
  }
}

/** Returns the share of one worker. */
function shareOf(settings: Settings, index: number): Settings {
  const { endpoints, maxConnections, maxPerHost, workers } = settings;
  const part = (all: number) => Math.floor((all + index) / workers);
  return {
    ...settings,
    endpoints: endpoints.filter((one) => index === 0 || canBeShared(one.addr)),
    maxConnections: maxConnections && part(maxConnections),
    maxPerHost: maxPerHost && part(maxPerHost),
  };
}

/** What takes the place of one server: a thread, and those that replace it when it dies. */
class Seat {
  readonly index: number;
  readonly settings: Settings;
  addrs: readonly Addr[] = [];
  counts: Counts | undefined;
  delays: readonly ArrayBufferLike[] = [];

  constructor(index: number, settings: Settings) {
    this.index = index;
    this.settings = settings;
  }
}

/** Numbers the connections of all threads. */
interface Numbers {
  /** Returns the next number. */
  next(): number;
  /** Returns a number for one that has its thread's own number alone. */
  of(id: number): number;
}

class Workers {
  readonly #observer: Observer;
  readonly #start: StartThread;
  readonly #threads = new Set<Thread>();
  readonly #seats: Seat[] = [];
  readonly #ended: Promise<void>[] = [];
  readonly #stopping = new AbortController();
  #connections = 0;

  constructor(observer: Observer, start: StartThread) {
    this.#observer = observer;
    this.#start = start;
  }

  /** Adds a worker. Resolves with what it listens on. */
  async add(settings: Settings): Promise<readonly EndpointSettings[]> {
    const seat = new Seat(this.#seats.length, settings);
    const thread = this.#startThread(seat);
    const { endpoints } = await thread.listening;
    this.#seats.push(seat);
    this.#ended.push(this.#keepUp(seat, thread));
    return endpoints;
  }

  /** Shuts all workers down. Resolves with the number of open connections. */
  async shutdown(options: ShutdownOptions): Promise<number> {
    this.#stopping.abort();
    const open = Array.from(this.#threads, (one) => one.shutdown(options));
    return (await Promise.all(open)).reduce((sum, some) => sum + some, 0);
  }

  /** Reloads certificate and key in each thread. Resolves with the endpoints of one. */
  async reload(): Promise<number> {
    const all = Array.from(this.#threads, (one) => one.reload());
    return Math.max(0, ...await Promise.all(all));
  }

  /** Resolves with the numbers of all workers when the last one has ended. */
  async finished(): Promise<Sums> {
    await Promise.all(this.#ended);
    return this.sums();
  }

  /** Adds up the numbers of all workers, dead ones too. */
  sums(): Sums {
    return sumCounts(
      this.#seats.flatMap(({ addrs, counts }) =>
        counts ? [{ addrs, counts }] : []
      ),
    );
  }

  /** Lists or surveys the connections of all workers. */
  async survey(type: "list" | "survey", limit: number): Promise<Survey> {
    const { mergeSurveys } = await import("../../admin/connections.ts");
    const all = Array.from(this.#threads, (one) => one.survey(type, limit));
    return mergeSurveys(await Promise.all(all), limit);
  }

  get delays(): ArrayBufferLike[] {
    return this.#seats.flatMap(({ delays }) => delays);
  }

  get stopping(): boolean {
    return this.#stopping.signal.aborted;
  }

  #startThread(seat: Seat): Thread {
    const { settings, counts } = seat;
    const worker = this.#start({ settings, counts: counts?.numbers.buffer });
    const thread = new Thread(worker, this.#observer, {
      next: () => ++this.#connections,
      // Without a log of each connection, they are numbered by the threads in turn.
      of: (id) => (id - 1) * settings.workers + seat.index + 1,
    });
    this.#threads.add(thread);
    thread.listening.then(({ endpoints, counts, delays }) => {
      // Workers have no inherited sockets.
      seat.addrs = endpoints.flatMap(({ addr }) => "fd" in addr ? [] : addr);
      seat.delays = delays;
      seat.counts = new Counts(counts);
    }, () => {});
    thread.ended.then(() => this.#threads.delete(thread));
    return thread;
  }

  /** Replaces a worker whenever it dies. */
  async #keepUp(seat: Seat, thread: Thread): Promise<void> {
    const { signal } = this.#stopping;
    let backoff = 0;
    for (;;) {
      const startedAt = performance.now();
      const { isFinished, reason } = await thread.ended;
      seat.counts?.bury();
      if (isFinished || signal.aborted) return;
      this.#observer.onError(`A worker has died: ${reason}`);
      if (performance.now() - startedAt > BACKOFF.longest) backoff = 0;
      backoff = Math.min(backoff * 2 || BACKOFF.first, BACKOFF.longest);
      await sleep(backoff, undefined, { signal }).catch(() => {});
      if (signal.aborted) return;
      thread = this.#startThread(seat);
    }
  }
}

/** One thread, from its start to its end. */
class Thread {
  /** Resolves when it listens. Rejects if the thread ends before that. */
  readonly listening: Promise<Listening>;
  /** Resolves with whether it has finished, or else with why it has died. */
  readonly ended: Promise<{ isFinished: boolean; reason: string }>;
  readonly #worker: Worker;
  readonly #observer: Observer;
  readonly #numbers: Numbers;
  readonly #listening = Promise.withResolvers<Listening>();
  readonly #draining = Promise.withResolvers<number>();
  /** Maps the thread's own connection numbers to those among all threads. */
  readonly #ids = new Map<number, number>();
  #reloaded: PromiseWithResolvers<number> | undefined;
  /** Pending requests for a list, in the order of the answers. */
  readonly #asked: ((survey: Survey) => void)[] = [];
  #isListening = false;
  #isFinished = false;
  #reason = "it has ended by itself";

  constructor(worker: Worker, observer: Observer, numbers: Numbers) {
    this.#worker = worker;
    this.#observer = observer;
    this.#numbers = numbers;
    this.listening = this.#listening.promise;
    // Only the first thread of a worker is waited for.
    this.listening.catch(() => {});
    worker.on("message", (report: Report) => this.#hear(report));
    worker.on("error", (error) => this.#reason = explain(error));
    this.ended = new Promise((resolve) =>
      worker.on("exit", () => {
        this.#listening.reject(new Error(this.#reason));
        this.#draining.resolve(0);
        this.#reloaded?.resolve(0);
        for (const answer of this.#asked) {
          answer({ connections: [], rates: [] });
        }
        resolve({ isFinished: this.#isFinished, reason: this.#reason });
      })
    );
  }

  /** Shuts the thread down. Resolves with the number of open connections. */
  shutdown(options: ShutdownOptions): Promise<number> {
    const order: Order = { type: "shutdown", options };
    if (this.#isListening) this.#worker.postMessage(order);
    else this.#worker.terminate();
    return this.#draining.promise;
  }

  /** Reloads certificate and key. Resolves with the number of endpoints. */
  reload(): Promise<number> {
    const order: Order = { type: "reload" };
    // One that does not listen yet reads them anyway.
    if (!this.#isListening) return Promise.resolve(0);
    this.#reloaded ??= Promise.withResolvers();
    this.#worker.postMessage(order);
    return this.#reloaded.promise;
  }

  /** Lists or surveys connections: none of a thread that does not answer in time. */
  async survey(type: "list" | "survey", limit: number): Promise<Survey> {
    const nothing: Survey = { connections: [], rates: [] };
    if (!this.#isListening) return nothing;
    const answer = Promise.withResolvers<Survey>();
    this.#asked.push(answer.resolve);
    const order: Order = { type, limit };
    this.#worker.postMessage(order);
    const timeout = new AbortController();
    const { signal } = timeout;
    const late = sleep(PATIENCE, nothing, { signal }).catch(() => nothing);
    const survey = await Promise.race([answer.promise, late]);
    timeout.abort();
    return survey;
  }

  #hear(report: Report): void {
    switch (report.type) {
      case "listening":
        this.#isListening = true;
        this.#listening.resolve(report);
        break;
      case "failed":
        this.#reason = report.message;
        this.#worker.terminate();
        break;
      case "refused":
        this.#observer.onRefuse(report.addr, report.reason, report.details);
        break;
      case "open": {
        const id = this.#numbers.next();
        this.#ids.set(report.connection.id, id);
        this.#observer.onOpen({ ...report.connection, id });
        break;
      }
      case "close": {
        const id = this.#ids.get(report.connection.id) ?? 0;
        this.#ids.delete(report.connection.id);
        this.#observer.onClose({ ...report.connection, id });
        break;
      }
      case "error":
        this.#observer.onError(report.message);
        break;
      case "draining":
        this.#draining.resolve(report.connections);
        break;
      case "reloaded":
        if ("message" in report) {
          this.#reloaded?.reject(new Error(report.message));
        } else {
          this.#reloaded?.resolve(report.endpoints);
        }
        this.#reloaded = undefined;
        break;
      case "listed":
        this.#asked.shift()?.({
          ...report.survey,
          connections: report.survey.connections.map((connection) => ({
            ...connection,
            id: this.#ids.get(connection.id) ??
              this.#numbers.of(connection.id),
          })),
        });
        break;
      case "finished":
        this.#isFinished = true;
        this.#worker.terminate();
        break;
    }
  }
}
