/**
 * How much of the tail that `bench` reports is its own: 20,000 messages a second
 * over 100 connections, from `bench` and from a client of a few lines that
 * verifies nothing, on each runtime in turn, to one and the same server.
 *
 * ```
 * deno run -A tests/benchmarks/tail.ts
 * ```
 */
import type { BenchResult } from "../../src/bench/bench.ts";
import { type Runtime, RUNTIMES } from "../helpers/runtimes.ts";
import { Child } from "./child.ts";
import { Results } from "./results.ts";
import { findSubjects, pathOf, Server } from "./servers.ts";

const ROUNDS = 7;
const SECONDS = 4;
const RATE = 20_000;
const CONNECTIONS = 100;
/** It collects no garbage at this load. */
const SERVER = "Go `net`";

interface Percentiles {
  readonly p50: number | null;
  readonly p99: number | null;
}

/** The times of one run, in microseconds. */
interface Times {
  readonly total: Percentiles;
  readonly late: Percentiles | null;
  readonly response: Percentiles | null;
}

const ROWS: Readonly<Record<string, (times: Times) => number | null>> = {
  "p50": ({ total }) => total.p50,
  "p99": ({ total }) => total.p99,
  "p99 of how late it sent": ({ late }) => late?.p99 ?? null,
  "p99 of the response": ({ response }) => response?.p99 ?? null,
};

/** The clients, and how to run one against a port. */
const CLIENTS: Readonly<
  Record<string, (runtime: Runtime, port: number) => Promise<Times>>
> = {
  async bench(runtime, port) {
    const load = ["-c", CONNECTIONS, "-r", RATE, "-d", `${SECONDS}s`];
    const endpoint = `tcp://127.0.0.1:${port}`;
    const own = ["../../mod.ts", "bench", "--json", ...load, endpoint];
    const { latencyUs, sendLateUs, responseUs }: BenchResult = JSON.parse(
      await firstLine(runtime, own),
    );
    return { total: latencyUs, late: sendLateUs, response: responseUs };
  },
  async "a few lines"(runtime, port) {
    const own = ["./peers/open_loop.ts", port, CONNECTIONS, RATE, SECONDS];
    return JSON.parse(await firstLine(runtime, own));
  },
};

/** Runs a file of this directory, and returns the first line that it prints. */
async function firstLine(
  { command, args }: Runtime,
  [file, ...own]: readonly (string | number)[],
): Promise<string> {
  const all = [command, ...args, pathOf(String(file)), ...own.map(String)];
  await using client = new Child("stdout", 1, all);
  return await client.line();
}

function rowOf(client: string, row: string): string {
  return `${client}: ${row}`;
}

const results = new Results();
const runtimes = RUNTIMES.filter(({ command }) => command !== "");
const scratch = await Deno.makeTempDir();
try {
  const subjects = await findSubjects(scratch);
  const subject = subjects.find(({ name }) => name === SERVER);
  if (!subject) throw new Error(`Cannot measure: there is no ${SERVER}`);
  await using server = await Server.start(subject);
  for (let round = 1; round <= ROUNDS; round++) {
    for (const runtime of runtimes) {
      for (const [client, run] of Object.entries(CLIENTS)) {
        console.error(`round ${round}: ${client} on ${runtime.name}`);
        const times = await run(runtime, server.port);
        for (const [row, read] of Object.entries(ROWS)) {
          const name = rowOf(client, row);
          results.add(name, runtime.name, read(times) ?? NaN);
        }
      }
    }
  }
} finally {
  await Deno.remove(scratch, { recursive: true });
}

console.log(`| in µs | ${runtimes.map(({ name }) => name).join(" | ")} |`);
console.log(`|---${"|--:".repeat(runtimes.length)}|`);
const [, bare = ""] = Object.keys(CLIENTS);
for (const client of Object.keys(CLIENTS)) {
  for (const row of Object.keys(ROWS)) {
    const base = client === bare ? undefined : rowOf(bare, row);
    const name = rowOf(client, row);
    const cells = runtimes.map((one) => results.cell(name, one.name, base));
    console.log(`| ${name} | ${cells.join(" | ")} |`);
  }
}
