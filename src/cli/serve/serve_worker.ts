/**
 * The module that each thread of `--workers` runs.
 *
 * @module
 */
import { parentPort, workerData } from "node:worker_threads";
import { Counts } from "../../core/counts.ts";
import { explain } from "../../core/error_message.ts";
import { serveInThread } from "./serve_in_thread.ts";
import type { Assignment, Order, Report } from "./workers.ts";

/** How often to publish counts that are not kept in shared memory, in milliseconds. */
const PUBLISHING = 100;

const { settings, counts: former }: Assignment = workerData;

function tell(report: Report): void {
  parentPort?.postMessage(report);
}

/** Sends a report that only a verbose log shows. */
const mention: typeof tell = settings.verbose ? tell : () => {};

function makeCounts(listeners: number): Counts {
  return new Counts(
    former ?? new SharedArrayBuffer(Counts.sizeFor(listeners)),
  );
}

try {
  const serving = await serveInThread(settings, {
    onRefuse: (addr, reason, details) =>
      mention({ type: "refused", addr, reason, details }),
    onOpen: ({ id, remoteAddr, via }) =>
      mention({
        type: "open",
        connection: { id, remoteAddr, ...(via && { via }) },
      }),
    onClose: (connection) => mention({ type: "close", connection }),
    onError: (message) => tell({ type: "error", message }),
  }, makeCounts);
  const { endpoints, counts, delays } = serving;
  parentPort?.on("message", async (order: Order) => {
    switch (order.type) {
      case "reload":
        await serving.reload().then(
          (endpoints) => tell({ type: "reloaded", endpoints }),
          (error) => tell({ type: "reloaded", message: explain(error) }),
        );
        break;
      case "list": {
        const connections = await serving.connections(order.limit);
        tell({ type: "listed", survey: { connections, rates: [] } });
        break;
      }
      case "survey":
        tell({ type: "listed", survey: await serving.survey(order.limit) });
        break;
      case "shutdown": {
        const connections = await serving.shutdown(order.options);
        tell({ type: "draining", connections });
      }
    }
  });
  // Datagrams and waiting connections are counted elsewhere until stats() is called.
  const hasDatagrams = endpoints.some(({ addr }) => addr.transport === "udp");
  if (hasDatagrams || settings.admin) {
    setInterval(() => serving.stats(), PUBLISHING);
  }
  const memory = counts.numbers.buffer;
  tell({ type: "listening", endpoints, counts: memory, delays });
  await serving.finished;
  serving.stats();
  tell({ type: "finished" });
} catch (error) {
  tell({ type: "failed", message: explain(error) });
}
