/**
 * Measures echod beside other servers and prints one table in Markdown:
 *
 * ```
 * deno run -A tests/benchmarks/bench.ts [--quick] [TITLE...]
 * ```
 *
 * With titles, such as `"64 B × 50"`, it measures just these.
 *
 * It needs Linux, and a limit of 20,000 open files (`ulimit -n 20000`). Where
 * there are two cores and `taskset`, the servers run on one core and what loads
 * them on another. They are measured in turn, each time in a new process, for
 * several rounds.
 */
import type { BenchOptions, BenchResult } from "../../src/bench/bench.ts";
import { formatCount } from "../../src/cli/format.ts";
import { RUNTIMES } from "../helpers/runtimes.ts";
import { canPin, Child, outputOf } from "./child.ts";
import { Results } from "./results.ts";
import { printStarts } from "./starts.ts";
import { findSubjects, pathOf, Server, type Subject } from "./servers.ts";

const QUICK = Deno.args.includes("--quick");
const TITLES = Deno.args.filter((arg) => !arg.startsWith("--"));
const ROUNDS = QUICK ? 1 : 3;
/** Memory hardly varies, and takes long to measure. */
const MEMORY_ROUNDS = QUICK ? 1 : 2;
/** How long most measurements take, in milliseconds. */
const DURATION = QUICK ? 300 : 1_500;
/** How long those take in which each of many connections has to get its turns. */
const FAIR_DURATION = QUICK ? 600 : 4_000;
const IDLE = QUICK ? 2_000 : 10_000;
/** Below this share of its core, something else than the server was the limit. */
const BUSY = 0.9;

const [DENO, NODE, BUN] = RUNTIMES;

/** What a server was found to do. */
interface Found extends BenchResult {
  /** The processor time that it took, in microseconds. */
  readonly cpu: number;
}

const FIGURES = {
  "messages/s": ({ messagesPerSecond }: Found) => messagesPerSecond,
  "connections/s": ({ messagesPerSecond }: Found) => messagesPerSecond,
  "MB/s": ({ bytes, durationMs }: Found) => bytes / durationMs / 1e3,
  "CPU µs per message": ({ cpu, messages }: Found) => cpu / messages,
  "p50 in µs": ({ latencyUs }: Found) => latencyUs.p50 ?? NaN,
  "p99.9 in ms": ({ latencyUs }: Found) => (latencyUs.p99_9 ?? NaN) / 1000,
  "p99 in ms": ({ latencyUs }: Found) => (latencyUs.p99 ?? NaN) / 1000,
  "fewest messages of a connection": (found: Found) =>
    found.perConnection.least,
  "most messages of a connection": (found: Found) => found.perConnection.most,
};
type Figure = keyof typeof FIGURES;

/** Something to measure. */
interface Measurement {
  readonly title: string;
  readonly rows: readonly string[];
  readonly rounds?: number;
  /** Whether servers are left out that have a process for every connection. */
  readonly isForMany?: boolean;
  /** Whether the server should be what is the limit. */
  readonly isSaturating?: boolean;
  measure(server: Server): Promise<Record<string, number>>;
}

function loaded(
  title: string,
  options: Omit<BenchOptions, "endpoint">,
  rows: readonly Figure[],
  rest: Partial<Measurement> = {},
): Measurement {
  return {
    title,
    rows,
    isSaturating: (options.connections ?? 1) > 1,
    async measure(server) {
      await using client = startClient("load", server, options);
      await client.line();
      const before = await server.child.cpu();
      const result = await resultOf(client);
      const cpu = await server.child.cpu() - before;
      return {
        ...figuresOf({ ...result, cpu }, rows),
        busy: cpu / result.durationMs / 1e3,
      };
    },
    ...rest,
  };
}

const [MESSAGES, MEGABYTES, CPU] = [
  "messages/s",
  "MB/s",
  "CPU µs per message",
] as const;
const [FEWEST, MOST] = [
  "fewest messages of a connection",
  "most messages of a connection",
] as const;
const duration = DURATION;
const fair = { size: 64, duration: FAIR_DURATION };

const ALL: readonly Measurement[] = [
  loaded("64 B × 1", { connections: 1, size: 64, duration }, [
    MESSAGES,
    "p50 in µs",
  ]),
  loaded("64 B × 50", { connections: 50, size: 64, duration }, [MESSAGES, CPU]),
  loaded("64 B × 500", { connections: 500, ...fair }, [
    MESSAGES,
    "p99.9 in ms",
    FEWEST,
    MOST,
  ]),
  loaded("64 B × 1,000", { connections: 1_000, ...fair }, [
    MESSAGES,
    "p99.9 in ms",
    FEWEST,
    MOST,
  ], { isForMany: true }),
  loaded("64 KiB × 50", { connections: 50, size: 65_536, duration }, [
    MEGABYTES,
    CPU,
  ]),
  loaded("1 MiB × 1", { connections: 1, size: 1_048_576, duration }, [
    MEGABYTES,
    CPU,
  ]),
  loaded(
    "opened, used once and closed",
    { connections: 50, churn: true, duration },
    ["connections/s"],
  ),
  {
    title: "a newcomer's first echo beside 300 busy connections",
    rows: ["p99 in ms"],
    isForMany: true,
    async measure(server) {
      await using client = startClient("newcomers", server, { duration });
      return figuresOf({ ...await resultOf(client), cpu: 0 }, ["p99 in ms"]);
    },
  },
  {
    title: `${IDLE.toLocaleString("en")} idle connections`,
    rows: ["kB of each", "kB of each after it has echoed 64 KiB"],
    rounds: MEMORY_ROUNDS,
    isForMany: true,
    async measure(server) {
      const before = await server.child.memory();
      const each = async () =>
        (await server.child.memory() - before) / IDLE / 1000;
      const options = { connections: IDLE, size: 65_536 };
      await using client = startClient("idle", server, options);
      await resultOf(client);
      const idle = await each();
      await client.prompt();
      await resultOf(client);
      return {
        "kB of each": idle,
        "kB of each after it has echoed 64 KiB": await each(),
      };
    },
  },
];

const MEASUREMENTS = ALL.filter(({ title }) =>
  TITLES.length === 0 || TITLES.includes(title)
);

/** What has been found wrong with a server, or why it cannot be measured. */
class Unmeasurable extends Error {}

/** Bun's client is the fastest with small messages, Node's with large ones. */
function startClient(
  mode: string,
  { endpoint }: Server,
  options: Omit<BenchOptions, "endpoint">,
): Child {
  const isLarge = Number(options.size) > 1024 && mode === "load";
  const { command } = isLarge ? NODE : BUN;
  const args = [mode, endpoint, JSON.stringify(options)];
  return new Child("stdout", 1, [command, pathOf("./client.ts"), ...args]);
}

/** The client's next result. */
async function resultOf(client: Child): Promise<BenchResult> {
  const result: BenchResult = JSON.parse(await client.line());
  const errors = Object.keys(result.errors);
  if (errors.length > 0) throw new Unmeasurable(`✗ ${errors.join(", ")}`);
  return result;
}

function figuresOf(
  found: Found,
  rows: readonly Figure[],
): Record<string, number> {
  return Object.fromEntries(rows.map((row) => [row, FIGURES[row](found)]));
}

const START = "start to first echo, in ms";

/** Starts a server and echoes once. */
async function timeStart(subject: Subject): Promise<number> {
  const start = performance.now();
  await using server = await Server.start(subject);
  using connection = await Deno.connect({ port: server.port });
  await connection.write(new Uint8Array(64));
  await connection.read(new Uint8Array(64));
  return performance.now() - start;
}

function rowOf({ title }: Measurement, row: string): string {
  return `${title}: ${row}`;
}

/** Measures one thing of all servers, in turn. */
async function measureAll(
  measurement: Measurement,
  subjects: readonly Subject[],
  results: Results,
): Promise<void> {
  for (const subject of subjects) {
    const { name } = subject;
    if (subject.forks && measurement.isForMany) continue;
    try {
      await using server = await Server.start(subject);
      const figures = await measurement.measure(server);
      for (const [row, figure] of Object.entries(figures)) {
        // A process of its own for each connection: its own time is not all.
        if (subject.forks && (row === CPU || row === "busy")) continue;
        results.add(name, rowOf(measurement, row), figure);
      }
    } catch (error) {
      if (!(error instanceof Error)) throw error;
      console.error(`${measurement.title}: ${name}: ${error.message}`);
      const reason = error instanceof Unmeasurable ? error.message : "✗";
      for (const row of measurement.rows) {
        results.add(name, rowOf(measurement, row), reason);
      }
    }
  }
}

function printTable(subjects: readonly Subject[], results: Results): void {
  const rows: { name: string; busy?: string }[] = MEASUREMENTS.flatMap(
    (measurement) =>
      measurement.rows.map((row) => ({
        name: rowOf(measurement, row),
        ...(measurement.isSaturating && row !== CPU &&
          { busy: rowOf(measurement, "busy") }),
      })),
  );
  if (TITLES.length === 0) rows.push({ name: START });
  console.log(`| | ${subjects.map(({ name }) => name).join(" | ")} |`);
  console.log(`|---${"|--:".repeat(subjects.length)}|`);
  for (const { name: row, busy } of rows) {
    const cells = subjects.map(({ name, base }) => {
      const isIdle = busy !== undefined && canPin &&
        results.median(name, busy) < BUSY;
      return results.cell(name, row, base) + (isIdle ? " \\*" : "");
    });
    console.log(`| ${row} | ${cells.join(" | ")} |`);
  }
}

async function describeMachine(): Promise<string> {
  const [cpu, uname, deno, node, bun, go, socat, ncat] = await Promise.all([
    Deno.readTextFile("/proc/cpuinfo"),
    outputOf("uname", "-sr"),
    outputOf(DENO.command, "--version"),
    outputOf(NODE.command, "--version"),
    outputOf(BUN.command, "--version"),
    outputOf("go", "version"),
    outputOf("socat", "-V"),
    outputOf("ncat", "--version"),
  ]);
  const version = (text?: string) => /\d+(\.\d+)+/.exec(text ?? "")?.[0];
  const programs = { Deno: deno, Node: node, Bun: bun, Go: go, socat, ncat };
  const versions = Object.entries(programs)
    .flatMap(([name, text]) => text ? [`${name} ${version(text)}`] : []);
  const model = /^model name\s*: (.*)$/m.exec(cpu)?.[1] ?? "unknown";
  return `${navigator.hardwareConcurrency} × ${model}, ${uname}; ${
    versions.join(", ")
  }. ${
    canPin
      ? "The server had one core, and what loaded it another"
      : "Nothing was pinned to a core"
  }.`;
}

if (!BUN.command || !NODE.command) {
  throw new Error("Cannot find Node and Bun, nor npx to fetch them");
}
const scratch = await Deno.makeTempDir();
try {
  const subjects = await findSubjects(scratch);
  const results = new Results();
  for (let round = 0; round < ROUNDS; round++) {
    // The other way round every other time, lest the order tells.
    const inTurn = round % 2 ? subjects.toReversed() : subjects;
    for (const measurement of MEASUREMENTS) {
      if (round >= (measurement.rounds ?? ROUNDS)) continue;
      console.error(`Round ${round + 1} of ${ROUNDS}: ${measurement.title}`);
      await measureAll(measurement, inTurn, results);
    }
    if (TITLES.length > 0) continue;
    for (const subject of inTurn) {
      results.add(subject.name, START, await timeStart(subject));
    }
  }
  console.log(`${await describeMachine()}

Medians of ${
    formatCount(ROUNDS, "round")
  } (${MEMORY_ROUNDS} of memory), ± half of the range between them; in parentheses the
ratio to the bare loop, \`pipe\` or \`Bun.listen\` of the same runtime.
`);
  printTable(subjects, results);
  console.log(`
\\* The server was less than 90 % busy: what loaded it was the limit.
✗ What the server did wrong, so that its figures mean nothing.
`);
  if (TITLES.length === 0) {
    console.log("Whole processes, medians of 15:\n");
    await printStarts(scratch);
  }
} finally {
  await Deno.remove(scratch, { recursive: true });
}
