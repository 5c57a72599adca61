/**
 * Measures what it costs a server that somebody looks at its live page, and
 * prints a table in Markdown:
 *
 * ```
 * deno run -A tests/benchmarks/page.ts [Deno|Node|Bun]
 * ```
 *
 * It needs Linux with two cores, and a limit of 20,000 open files (`ulimit -n
 * 20000`). Somebody looks and looks away by turns, at one process.
 */
import type { BenchOptions } from "../../src/bench/bench.ts";
import { type Runtime, RUNTIMES } from "../helpers/runtimes.ts";
import { Child } from "./child.ts";
import { Results } from "./results.ts";
import { pathOf } from "./servers.ts";

const ROUNDS = 4;
/** How long each measurement takes, in milliseconds. */
const PERIOD = 5_000;
/** How long the server has to get used to what is next, in milliseconds. */
const WARM_UP = 1_500;
const [, , BUN] = RUNTIMES;
/** The one that is given, or all. */
const MEASURED = RUNTIMES.filter(({ name }) =>
  Deno.args.length === 0 || Deno.args.includes(name)
);

/** What the server has to do meanwhile. */
interface Situation {
  readonly name: string;
  readonly idle: number;
  readonly busy?: Omit<BenchOptions, "endpoint">;
}

const SITUATIONS: readonly Situation[] = [
  { name: "10,000 idle connections", idle: 10_000 },
  {
    name: "1,000 connections, 300 of them with 600 messages/s",
    idle: 700,
    busy: { connections: 300, rate: 600, size: 64, duration: 3_600_000 },
  },
];

/** The parts of a core that a process takes for a while, in percent. */
async function measure(server: Child): Promise<number> {
  await sleep(WARM_UP);
  const [before, from] = [await server.cpu(), performance.now()];
  await sleep(PERIOD);
  const cpu = await server.cpu() - before;
  return cpu / (performance.now() - from) / 10;
}

/** Does something while the events of the page at a URL are read. */
async function whileLooking<T>(url: string, act: () => Promise<T>): Promise<T> {
  const { host, hostname, port } = new URL(url);
  using viewer = await Deno.connect({ hostname, port: Number(port) });
  const request = `GET /events HTTP/1.1\r\nHost: ${host}\r\n\r\n`;
  await viewer.write(new TextEncoder().encode(request));
  const buffer = new Uint8Array(65_536);
  const reading = (async () => {
    while (await viewer.read(buffer) !== null);
  })();
  const result = await act();
  await viewer.closeWrite();
  await reading;
  return result;
}

async function measureAll(
  { command, args, name }: Runtime,
  situation: Situation,
  results: Results,
): Promise<void> {
  const echod = [pathOf("../../mod.ts"), "-p0", "--admin=:0"];
  await using server = new Child("stderr", 0, [command, ...args, ...echod]);
  let endpoint = "";
  let page = "";
  while (!endpoint || !page) {
    const line = await server.line();
    endpoint ||= /^Listening on (tcp:\S+)/.exec(line)?.[1] ?? "";
    page ||= /http:\S+/.exec(line)?.[0] ?? "";
  }
  server.drain();
  const start = (mode: string, options: Omit<BenchOptions, "endpoint">) =>
    new Child("stdout", 1, [
      BUN.command,
      pathOf("./client.ts"),
      mode,
      endpoint.replace("[::]", "127.0.0.1"),
      JSON.stringify(options),
    ]);
  await using idle = start("idle", { connections: situation.idle });
  await idle.line();
  await using _busy = situation.busy && start("load", situation.busy);

  for (let round = 0; round < ROUNDS; round++) {
    const before = await measure(server);
    const open = await whileLooking(page, () => measure(server));
    const row = situation.name;
    results.add(name, `${row}: nobody looks`, before);
    results.add(name, `${row}: the page is open`, open);
    results.add(name, `${row}: the page alone`, open - before);
  }
}

function sleep(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}

const results = new Results();
for (const situation of SITUATIONS) {
  for (const runtime of MEASURED) {
    console.error(`${situation.name}: ${runtime.name}`);
    await measureAll(runtime, situation, results);
  }
}
console.log(`Percent of a core, medians of ${ROUNDS} rounds:\n`);
console.log(`| | ${MEASURED.map(({ name }) => name).join(" | ")} |`);
console.log(`|---${"|--:".repeat(MEASURED.length)}|`);
for (const { name } of SITUATIONS) {
  for (const what of ["nobody looks", "the page is open", "the page alone"]) {
    const row = `${name}: ${what}`;
    const cells = MEASURED.map((runtime) => results.cell(runtime.name, row));
    console.log(`| ${row} | ${cells.join(" | ")} |`);
  }
}
