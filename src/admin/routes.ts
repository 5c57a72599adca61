import {
  formatOpenMetrics,
  formatPrometheus,
  OPEN_METRICS,
  prefersOpenMetrics,
  PROMETHEUS,
} from "./exposition.ts";
import { Feed, VIEWERS } from "./feed.ts";
import type { Answer, Handler } from "./http.ts";
import { metricsOf } from "./metrics.ts";
import { makePage } from "./page.ts";
import { readProcess } from "./process_figures.ts";
import { HttpError, type Request } from "./request.ts";
import type { Source } from "./source.ts";
import { statsOf } from "./stats.ts";

/** An event loop that has not turned for so long is stuck, in milliseconds. */
const STUCK = 10_000;
/** The number of connections to list, unless another is asked for. */
const CONNECTIONS = 1_000;

/** Answers the requests for one path. */
type Route = (request: Request) => Answer | Promise<Answer>;

/**
 * Makes what answers the requests of the admin listener.
 *
 * @param isAdmitted Checks the `Host` of a request.
 * @param hasDescriptor Finds out whether there is a descriptor left.
 */
export function makeHandler(
  source: Source,
  isAdmitted: (host: string) => boolean,
  hasDescriptor: () => Promise<boolean>,
): Handler {
  const feed = new Feed(source);
  let page: Answer | undefined;
  const routes = new Map<string, Route>([
    ["/", () => page ??= makePage()],
    ["/events", () => tellEvents(feed)],
    ["/metrics", (request) => tellMetrics(source, request)],
    ["/healthz", () => tellHealth(source)],
    ["/stats", (request) => tellStats(source, request)],
    ["/readyz", () => tellReadiness(source, hasDescriptor)],
  ]);
  return (request) => {
    if (!isAdmitted(request.headers.get("host") ?? "")) {
      throw new HttpError(
        403,
        "This Host is not admitted: the address, localhost, and the names of " +
          "--admin-host are",
      );
    }
    const route = routes.get(request.path);
    if (!route) throw new HttpError(404, "There is nothing here");
    if (request.method !== "GET" && request.method !== "HEAD") {
      return {
        status: 405,
        headers: { Allow: "GET, HEAD" },
        body: "Nothing can be changed here: GET and HEAD are accepted\n",
      };
    }
    return route(request);
  };
}

function tellEvents(feed: Feed): Answer {
  if (feed.isFull) {
    return { status: 503, body: `${VIEWERS} pages are looking already\n` };
  }
  return { status: 200, type: "text/event-stream", body: feed.watch };
}

async function tellMetrics(
  source: Source,
  { headers }: Request,
): Promise<Answer> {
  const families = metricsOf(source, await readProcess());
  return prefersOpenMetrics(headers.get("accept"))
    ? { status: 200, type: OPEN_METRICS, body: formatOpenMetrics(families) }
    : { status: 200, type: PROMETHEUS, body: formatPrometheus(families) };
}

async function tellStats(
  source: Source,
  { query }: Request,
): Promise<Answer> {
  const limit = query.get("limit") ?? String(CONNECTIONS);
  if (!/^\d{1,9}$/.test(limit)) {
    throw new HttpError(400, "limit must be a whole number");
  }
  const stats = {
    ...statsOf(source, await readProcess()),
    connections: await source.connections(Number(limit)),
  };
  return {
    status: 200,
    type: "application/json",
    body: `${JSON.stringify(stats)}\n`,
  };
}

function tellHealth(source: Source): Answer {
  const { stalled } = source.delays();
  if (stalled < STUCK) return { status: 200, body: "ok\n" };
  const seconds = Math.floor(stalled / 1000);
  return {
    status: 503,
    body: `An event loop has not turned for ${seconds} s\n`,
  };
}

async function tellReadiness(
  source: Source,
  hasDescriptor: () => Promise<boolean>,
): Promise<Answer> {
  if (source.stats().stopping) {
    return { status: 503, body: "The server is being shut down\n" };
  }
  if (!await hasDescriptor()) {
    return { status: 503, body: "There is no descriptor left\n" };
  }
  return { status: 200, body: "ok\n" };
}
