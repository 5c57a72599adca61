import { setTimeout as sleep } from "node:timers/promises";
import { Worker } from "node:worker_threads";
import type { RefuseReason } from "../../core/serve_options.ts";
import { sumDatagrams } from "../../core/combine.ts";
import { canBeShared } from "../../listen/endpoint.ts";
import type { ClosedConnection } from "../../core/serve_options.ts";
import type { Addr } from "../../core/transport.ts";
import type { EndpointSettings } from "./endpoint_settings.ts";
import type { Settings } from "./settings.ts";
import { openAll, type Opened } from "./open_endpoints.ts";
import { explain } from "../../core/error_message.ts";
import type { Newcomer, Observer, Serving, Totals } from "./serve_here.ts";

/** The first and the longest wait before a dead worker is replaced, in milliseconds. */
const BACKOFF = { first: 5, longest: 1_000 };

/** A message from a worker. */
export type Report =
  | {
    readonly type: "listening";
    readonly endpoints: readonly EndpointSettings[];
  }
  /** The worker cannot listen. */
  | { readonly type: "failed"; readonly message: string }
  | {
    readonly type: "refused";
    readonly addr: Addr;
    readonly reason: RefuseReason;
  }
  | { readonly type: "open"; readonly connection: Newcomer }
  | { readonly type: "close"; readonly connection: ClosedConnection }
  | { readonly type: "error"; readonly message: string }
  /** The worker has begun to shut down, and has this many open connections. */
  | { readonly type: "draining"; readonly connections: number }
  /** The worker has reloaded certificate and key, or has failed to. */
  | { readonly type: "reloaded"; readonly endpoints: number }
  | { readonly type: "reloaded"; readonly message: string }
  | { readonly type: "finished"; readonly totals: Totals };

/** A message to a worker: shut down, or reload certificate and key. */
export interface Order {
  /**
   * How long it may wait for open connections, in milliseconds; undefined to
   * reload.
   */
  readonly grace?: number;
}

/** Starts a thread that serves with the given settings. */
export type StartThread = (settings: Settings) => Worker;

/** Starts a thread of `worker.ts`. */
export function startThread(settings: Settings): Worker {
  const module = new URL("./worker.ts", import.meta.url);
  try {
    return new Worker(module, { workerData: settings });
  } catch (cause) {
    // Deno needs permission to read the module.
    throw new Error(`Cannot start a worker: ${explain(cause)}`, { cause });
  }
}

/**
 * Serves in as many threads as the settings say, all on the same ports. A thread
 * that dies is started again; what it had counted is lost. Rejects, and leaves
 * none behind, when one of them cannot listen.
 */
export async function serveOnWorkers(
  settings: Settings,
  observer: Observer,
  start: StartThread = startThread,
): Promise<Serving> {
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
    await workers.shutdown(0);
    await workers.finished();
    throw error;
  }
  return {
    endpoints: bound,
    finished: workers.finished(),
    reload: () => workers.reload(),
    shutdown: (grace) => workers.shutdown(grace),
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

/** Adds up totals. */
function sum(all: readonly Totals[]): Totals {
  const datagrams = sumDatagrams(all);
  const totals = { accepted: 0, refused: 0, failed: 0, bytes: 0 };
  for (const one of all) {
    totals.accepted += one.accepted;
    totals.refused += one.refused;
    totals.failed += one.failed;
    totals.bytes += one.bytes;
  }
  return { ...totals, ...(datagrams && { datagrams }) };
}

class Workers {
  readonly #observer: Observer;
  readonly #start: StartThread;
  readonly #threads = new Set<Thread>();
  readonly #totals: Promise<Totals | undefined>[] = [];
  readonly #stopping = new AbortController();
  #connections = 0;

  constructor(observer: Observer, start: StartThread) {
    this.#observer = observer;
    this.#start = start;
  }

  /** Adds a worker. Resolves with what it listens on. */
  async add(settings: Settings): Promise<readonly EndpointSettings[]> {
    const thread = this.#startThread(settings);
    const endpoints = await thread.listening;
    this.#totals.push(this.#keepUp(settings, thread));
    return endpoints;
  }

  /** Shuts all workers down. Resolves with the number of open connections. */
  async shutdown(grace: number): Promise<number> {
    this.#stopping.abort();
    const open = Array.from(this.#threads, (one) => one.shutdown(grace));
    return (await Promise.all(open)).reduce((sum, some) => sum + some, 0);
  }

  /** Reloads certificate and key in each thread. Resolves with the endpoints of one. */
  async reload(): Promise<number> {
    const all = Array.from(this.#threads, (one) => one.reload());
    return Math.max(0, ...await Promise.all(all));
  }

  /** Resolves with the totals of all workers when the last one has ended. */
  async finished(): Promise<Totals> {
    const all = await Promise.all(this.#totals);
    return sum(all.filter((totals) => totals !== undefined));
  }

  #startThread(settings: Settings): Thread {
    const nextId = () => ++this.#connections;
    const thread = new Thread(this.#start(settings), this.#observer, nextId);
    this.#threads.add(thread);
    thread.ended.then(() => this.#threads.delete(thread));
    return thread;
  }

  /** Replaces a worker whenever it dies. */
  async #keepUp(
    settings: Settings,
    thread: Thread,
  ): Promise<Totals | undefined> {
    const { signal } = this.#stopping;
    let backoff = 0;
    for (;;) {
      const startedAt = performance.now();
      const { totals, reason } = await thread.ended;
      if (totals || signal.aborted) return totals;
      this.#observer.onError(`A worker has died: ${reason}`);
      if (performance.now() - startedAt > BACKOFF.longest) backoff = 0;
      backoff = Math.min(backoff * 2 || BACKOFF.first, BACKOFF.longest);
      await sleep(backoff, undefined, { signal }).catch(() => {});
      if (signal.aborted) return undefined;
      thread = this.#startThread(settings);
    }
  }
}

/** One thread, from its start to its end. */
class Thread {
  /** Resolves with what it listens on. Rejects if the thread ends before that. */
  readonly listening: Promise<readonly EndpointSettings[]>;
  /** Resolves with what it has done, or with why it has died. */
  readonly ended: Promise<{ totals: Totals | undefined; reason: string }>;
  readonly #worker: Worker;
  readonly #observer: Observer;
  readonly #nextId: () => number;
  readonly #listening = Promise.withResolvers<
    readonly EndpointSettings[]
  >();
  readonly #draining = Promise.withResolvers<number>();
  /** Maps the thread's own connection numbers to those among all threads. */
  readonly #ids = new Map<number, number>();
  #reloaded: PromiseWithResolvers<number> | undefined;
  #isListening = false;
  #totals: Totals | undefined;
  #reason = "it has ended by itself";

  constructor(worker: Worker, observer: Observer, nextId: () => number) {
    this.#worker = worker;
    this.#observer = observer;
    this.#nextId = nextId;
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
        resolve({ totals: this.#totals, reason: this.#reason });
      })
    );
  }

  /** Shuts the thread down. Resolves with the number of open connections. */
  shutdown(grace: number): Promise<number> {
    const order: Order = { grace };
    if (this.#isListening) this.#worker.postMessage(order);
    else this.#worker.terminate();
    return this.#draining.promise;
  }

  /** Reloads certificate and key. Resolves with the number of endpoints. */
  reload(): Promise<number> {
    const order: Order = {};
    // One that does not listen yet reads them anyway.
    if (!this.#isListening) return Promise.resolve(0);
    this.#reloaded ??= Promise.withResolvers();
    this.#worker.postMessage(order);
    return this.#reloaded.promise;
  }

  #hear(report: Report): void {
    switch (report.type) {
      case "listening":
        this.#isListening = true;
        this.#listening.resolve(report.endpoints);
        break;
      case "failed":
        this.#reason = report.message;
        this.#worker.terminate();
        break;
      case "refused":
        this.#observer.onRefuse(report.addr, report.reason);
        break;
      case "open": {
        const id = this.#nextId();
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
      case "finished":
        this.#totals = report.totals;
        this.#worker.terminate();
        break;
    }
  }
}
