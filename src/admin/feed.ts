import { formatEndpoint } from "../core/format_addr.ts";
import type { Sender } from "./http.ts";
import { runtimeName } from "./process_figures.ts";
import type { Source } from "./source.ts";
import config from "../../deno.json" with { type: "json" };

/** How often something is sent, in milliseconds. */
const EVERY = 1_000;
/** The number of connections to send. */
const CONNECTIONS = 1_000;
/** The number of pages that may look at the same time. */
export const VIEWERS = 16;

interface Viewer {
  readonly send: (text: string) => Promise<void>;
  /** Whether it has not received the last message yet. */
  isBusy: boolean;
}

/**
 * The event stream of the live page: the numbers once a second, made once for all
 * viewers. It does nothing while there are none.
 */
export class Feed {
  readonly #source: Source;
  readonly #viewers = new Set<Viewer>();
  #timer: ReturnType<typeof setTimeout> | undefined;

  constructor(source: Source) {
    this.#source = source;
  }

  /** Whether as many look as may. */
  get isFull(): boolean {
    return this.#viewers.size >= VIEWERS;
  }

  /** Sends the stream to a viewer until it has gone. */
  readonly watch: Sender = async (send, gone) => {
    const viewer: Viewer = { send, isBusy: false };
    this.#viewers.add(viewer);
    try {
      const about = { limits: this.#source.limits ?? [] };
      await send(
        `retry: 1000\nevent: about\ndata: ${JSON.stringify(about)}\n\n`,
      );
      if (this.#timer === undefined) this.#tell();
      await new Promise<void>((resolve) => {
        if (gone.aborted) resolve();
        gone.addEventListener("abort", () => resolve());
      });
    } finally {
      this.#viewers.delete(viewer);
      if (this.#viewers.size === 0) {
        clearTimeout(this.#timer);
        this.#timer = undefined;
      }
    }
  };

  async #tell(): Promise<void> {
    this.#timer = setTimeout(() => this.#tell(), EVERY);
    let message: string;
    try {
      message = `data: ${JSON.stringify(await this.#message())}\n\n`;
    } catch {
      // What cannot be told now may be the next time.
      return;
    }
    for (const viewer of this.#viewers) {
      // One that is slow gets the next one instead.
      if (!viewer.isBusy) this.#send(viewer, message);
    }
  }

  async #send(viewer: Viewer, message: string): Promise<void> {
    viewer.isBusy = true;
    try {
      await viewer.send(message);
    } catch {
      // It has gone, which ends its watch.
    }
    viewer.isBusy = false;
  }

  async #message(): Promise<object> {
    const { connections, rates } = await this.#source.survey(CONNECTIONS);
    const stats = this.#source.stats();
    const { p50, p99 } = this.#source.delays();
    return {
      at: Math.round(performance.now()),
      version: config.version,
      runtime: runtimeName(),
      startedAt: stats.startedAt.getTime(),
      upMs: Date.now() - stats.startedAt.getTime(),
      stopping: stats.stopping,
      accepted: stats.accepted,
      active: stats.active,
      bytes: stats.bytes,
      p50,
      p99,
      fairness: fairnessOf(rates),
      endpoints: stats.endpoints.map(({ addr, accepted, active, bytes }) => {
        const endpoint = formatEndpoint(addr);
        const note = this.#source.notes?.get(endpoint);
        return { endpoint, note, accepted, active, bytes };
      }),
      connections: connections.map((one) => [
        one.id,
        one.remote,
        one.endpoint,
        one.ageMs,
        one.bytes,
        one.idleMs,
      ]),
    };
  }
}

/** The least, the median and the greatest rate; null if nothing moves. */
function fairnessOf(rates: readonly number[]): object | null {
  if (rates.length === 0) return null;
  const sorted = rates.toSorted((one, other) => one - other);
  return {
    busy: sorted.length,
    least: sorted[0],
    median: sorted[Math.floor(sorted.length / 2)],
    most: sorted.at(-1),
  };
}
