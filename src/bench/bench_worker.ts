/**
 * The module that each thread of a {@linkcode Team} runs.
 *
 * @module
 */
import { parentPort, workerData } from "node:worker_threads";
import { explain } from "../core/error_message.ts";
import { loadConnector } from "./connect.ts";
import { Load } from "./load.ts";
import type { Order, Report, Task } from "./threads.ts";

/** The interval of tallies, in milliseconds. */
const TELL = 100;

const task: Task = workerData;
/** The phase, latency and lateness of each echo that has not been reported yet. */
const latencies = new Float64Array(3 * 16 * 1024);
let count = 0;

const load = new Load(
  await loadConnector(task.connector),
  task.load,
  (phase, total, late) => {
    latencies[count++] = phase;
    latencies[count++] = total;
    latencies[count++] = late;
    if (count === latencies.length) tellTally();
  },
);
load.exhausted.then((ending) => tell({ type: "exhausted", ending }));
let teller: ReturnType<typeof setInterval> | undefined;

parentPort?.on("message", async (order: Order) => {
  switch (order) {
    case "open":
      try {
        await load.open();
        tell({ type: "opened" });
      } catch (error) {
        tell({ type: "refused", message: explain(error) });
      }
      break;
    case "start":
      load.start();
      teller = setInterval(tellTally, TELL);
      break;
    case "count":
      load.count();
      break;
    case "hurry":
      load.hurry();
      break;
    case "stop":
      await load.stop();
      clearInterval(teller);
      tellTally();
      tell({ type: "stopped", details: load.details() });
      break;
  }
});

function tellTally(): void {
  tell({
    type: "tally",
    tally: load.tally(),
    counts: load.faults.counts,
    first: load.faults.first,
    latencies: latencies.slice(0, count),
  });
  count = 0;
}

function tell(report: Report): void {
  parentPort?.postMessage(report);
}
