/**
 * The module that each thread of `--workers` runs.
 *
 * @module
 */
import { parentPort, workerData } from "node:worker_threads";
import type { Settings } from "./settings.ts";
import { explain } from "../../core/error_message.ts";
import { serveHere } from "./serve_here.ts";
import type { Order, Report } from "./workers.ts";

const settings: Settings = workerData;

function tell(report: Report): void {
  parentPort?.postMessage(report);
}

/** Sends a report that only a verbose log shows. */
const mention: typeof tell = settings.verbose ? tell : () => {};

try {
  const serving = await serveHere(settings, {
    onRefuse: (addr, reason) => mention({ type: "refused", addr, reason }),
    onOpen: ({ id, remoteAddr }) =>
      mention({ type: "open", connection: { id, remoteAddr } }),
    onClose: (connection) => mention({ type: "close", connection }),
    onError: (message) => tell({ type: "error", message }),
  });
  parentPort?.on("message", async ({ grace }: Order) => {
    if (grace === undefined) {
      await serving.reload().then(
        (endpoints) => tell({ type: "reloaded", endpoints }),
        (error) => tell({ type: "reloaded", message: explain(error) }),
      );
      return;
    }
    const connections = await serving.shutdown(grace);
    tell({ type: "draining", connections });
  });
  tell({ type: "listening", endpoints: serving.endpoints });
  tell({ type: "finished", totals: await serving.finished });
} catch (error) {
  tell({ type: "failed", message: explain(error) });
}
