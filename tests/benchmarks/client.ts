/**
 * What loads the servers, on Node or Bun. It prints a line of JSON for each thing
 * measured.
 *
 * ```
 * client.ts load ENDPOINT OPTIONS       as `bench`; the line `measuring` when
 *                                       it has warmed up
 * client.ts newcomers ENDPOINT OPTIONS  one after another, beside 300 busy connections
 * client.ts idle ENDPOINT OPTIONS       opens connections; sends a message over each
 *                                       at a line of input
 * ```
 */
import process from "node:process";
import { createInterface } from "node:readline";
import { setTimeout as sleep } from "node:timers/promises";
import { bench } from "../../src/bench/bench.ts";
import { Load } from "../../src/bench/load.ts";
import { type CheckedOptions, readOptions } from "../../src/bench/plan.ts";
import { run } from "../../src/bench/run.ts";
import { loadRuntime } from "../../src/runtimes/detect.ts";

/** How long a server is loaded before it is measured, in milliseconds. */
const WARM_UP = 400;
/** How many connections are busy beside newcomers. */
const BUSY = 300;
/** How many idle connections a second send something. */
const RATE = 5_000;

const [mode = "", endpoint = "", json = "{}"] = process.argv.slice(2);
const options: CheckedOptions = { warmup: 0, ...JSON.parse(json), endpoint };

function print(result: object): void {
  console.log(JSON.stringify(result));
}

async function load(): Promise<void> {
  const onCount = () => console.log("measuring");
  print(await run(readOptions({ ...options, warmup: WARM_UP }), { onCount }));
}

async function newcomers(): Promise<void> {
  const enough = new AbortController();
  const busy = bench({
    endpoint,
    connections: BUSY,
    duration: 3_600_000,
    signal: enough.signal,
  });
  await sleep(WARM_UP);
  print(await bench({ ...options, connections: 1, churn: true }));
  enough.abort();
  await busy;
}

async function idle(): Promise<void> {
  const { connections = 0 } = options;
  const plan = readOptions({ ...options, rate: RATE, messages: connections });
  const connector = await (await loadRuntime()).loadConnector(plan.connector);
  const idle = new Load(connector, plan.load, () => {});
  await idle.open();
  print({ errors: Object.fromEntries(idle.faults.counts) });
  for await (const _ of createInterface({ input: process.stdin })) {
    idle.count();
    idle.start();
    while (idle.tally().messages < connections) await sleep(50);
    print({ errors: Object.fromEntries(idle.faults.counts) });
  }
}

const modes: Record<string, () => Promise<void>> = { load, newcomers, idle };
await modes[mode]?.();
process.exit();
