/**
 * Measures echod beside other servers on Deno and prints tables in Markdown:
 *
 * ```
 * deno run -A tests/bench/bench.ts [--quick]
 * ```
 *
 * It needs Linux, Bun (or npm, to fetch it) and a limit of 14,000 open files.
 * Each server runs on one core and its load on another. They are measured in
 * turn, each time in a new process, for several rounds; a figure is the median
 * of the rounds, a ratio the median of the ratios within each round.
 */
import { fileURLToPath } from "node:url";

const QUICK = Deno.args.includes("--quick");
const ROUNDS = QUICK ? 3 : 5;
/** Memory hardly varies, and takes long to measure. */
const MEMORY_ROUNDS = QUICK ? 1 : 3;
/** How long most measurements take. */
const SECONDS = QUICK ? 0.5 : 1.5;
/** How long those take in which each of many connections has to get its turns. */
const FAIR_SECONDS = QUICK ? 1 : 4;
const IDLE = 10_000;
/** Children that have not ended by then are ended. */
const LIMIT = AbortSignal.timeout(10 * 60_000);

const SERVERS = {
  echod: ["../../mod.ts", "--port", "0"],
  "bare loop": ["./peers/bare.ts"],
  pipeTo: ["./peers/pipe_to.ts"],
};
type Name = keyof typeof SERVERS;
const ALL: readonly Name[] = ["echod", "bare loop", "pipeTo"];
const LOOPS: readonly Name[] = ["echod", "bare loop"];
/** What the others are compared with. */
const BASE = "bare loop";

/** A child process, with the lines of one of its outputs. */
class Child implements AsyncDisposable {
  readonly #process: Deno.ChildProcess;
  readonly #lines: AsyncIterator<string, void>;

  constructor(output: "stdout" | "stderr", core: 0 | 1, command: string[]) {
    const [program = "", ...args] = [...pinnedTo(core), ...command];
    this.#process = new Deno.Command(program, {
      args,
      stdin: "piped",
      stdout: "null",
      stderr: "inherit",
      [output]: "piped",
      signal: LIMIT,
    }).spawn();
    this.#lines = lines(this.#process[output]);
  }

  async line(): Promise<string> {
    const { value, done } = await this.#lines.next();
    if (done) throw new Error("A child process has ended early");
    return value;
  }

  /** Takes the rest of its output, so that it never waits for that. */
  async drain(): Promise<void> {
    while (!(await this.#lines.next()).done);
  }

  /** Sends it an empty line. */
  async prompt(): Promise<void> {
    const writer = this.#process.stdin.getWriter();
    await writer.write(new TextEncoder().encode("\n"));
    writer.releaseLock();
  }

  /** The processor time that it has taken, in microseconds. */
  async cpu(): Promise<number> {
    const stat = await Deno.readTextFile(`/proc/${this.#process.pid}/stat`);
    // Behind the name, which is in parentheses and may contain spaces.
    const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
    const [user, system] = fields.slice(11, 13).map(Number);
    return ((user ?? NaN) + (system ?? NaN)) * 10_000; // 100 ticks a second
  }

  /** The memory that it holds, in bytes. */
  async memory(): Promise<number> {
    const status = await Deno.readTextFile(`/proc/${this.#process.pid}/status`);
    return Number(/VmRSS:\s+(\d+)/.exec(status)?.[1]) * 1024;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    try {
      this.#process.kill("SIGKILL");
    } catch {
      // It has ended by itself.
    }
    await this.#process.status;
    await this.#process.stdin.close().catch(() => {});
    await this.drain();
  }
}

async function* lines(
  stream: ReadableStream<Uint8Array<ArrayBuffer>>,
): AsyncGenerator<string, void> {
  let rest = "";
  for await (const text of stream.pipeThrough(new TextDecoderStream())) {
    const all = (rest + text).split("\n");
    rest = all.pop() ?? "";
    yield* all;
  }
}

/** The beginning of a command that is to run on one core, where that can be had. */
function pinnedTo(core: 0 | 1): string[] {
  return canPin ? ["taskset", "-c", String(core)] : [];
}

const canPin = await outputOf("taskset", ["-c", "0,1", "echo"]) !== undefined;

/** What a program prints; undefined if it is not there or fails. */
async function outputOf(
  program: string,
  args: string[],
): Promise<string | undefined> {
  try {
    const command = new Deno.Command(program, { args, stderr: "null" });
    const { success, stdout } = await command.output();
    return success ? new TextDecoder().decode(stdout).trim() : undefined;
  } catch {
    return undefined;
  }
}

/** A path of this directory. */
function pathOf(file: string): string {
  return fileURLToPath(new URL(file, import.meta.url));
}

/** A server under test. */
class Server implements AsyncDisposable {
  readonly child: Child;
  readonly port: number;

  private constructor(child: Child, port: number) {
    this.child = child;
    this.port = port;
  }

  static async start(name: Name): Promise<Server> {
    const [script = "", ...args] = SERVERS[name];
    const run = [Deno.execPath(), "run", "--allow-net", pathOf(script)];
    const child = new Child("stderr", 0, [...run, ...args]);
    for (;;) {
      const line = await child.line();
      const port = /Listening on tcp:.*:(\d+)/.exec(line)?.[1];
      if (!port) continue;
      child.drain();
      return new Server(child, Number(port));
    }
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.child[Symbol.asyncDispose]();
  }
}

// What Bun says of itself, so that npm is not there when things are measured.
const printBun = ["-e", "console.log(process.execPath, Bun.version)"];
const [bun = "", bunVersion] = (await outputOf("bun", printBun) ??
  await outputOf("npx", ["--yes", "bun@1", ...printBun]) ?? "").split(" ");
if (!bun) throw new Error("Cannot find Bun, nor npx to fetch it");

function startClient(mode: string, { port }: Server, ...numbers: number[]) {
  const args = [port, ...numbers].map(String);
  return new Child("stdout", 1, [bun, pathOf("./load.ts"), mode, ...args]);
}

/** The client's next line of figures. */
async function figuresOf<F extends string>(
  client: Child,
): Promise<Record<F, number>> {
  return JSON.parse(await client.line());
}

/** The figures of several rounds. */
class Results<S extends string, F extends string> {
  readonly #rounds: Map<S, Record<F, number>>[] = [];

  /** Measures all subjects in turn. */
  async addRound(
    subjects: readonly S[],
    measure: (subject: S) => Promise<Record<F, number>>,
  ): Promise<void> {
    const round = new Map<S, Record<F, number>>();
    for (const subject of subjects) round.set(subject, await measure(subject));
    this.#rounds.push(round);
  }

  median(subject: S, field: F): number {
    return this.#medianOf((round) => round.get(subject)?.[field]);
  }

  ratio(subject: S, base: S, field: F): number {
    return this.#medianOf((round) =>
      (round.get(subject)?.[field] ?? NaN) / (round.get(base)?.[field] ?? NaN)
    );
  }

  #medianOf(value: (round: Map<S, Record<F, number>>) => number | undefined) {
    const sorted = this.#rounds.map((round) => value(round) ?? NaN)
      .sort((a, b) => a - b);
    return sorted[Math.floor(sorted.length / 2)] ?? NaN;
  }
}

async function measure<S extends string, F extends string>(
  title: string,
  subjects: readonly S[],
  once: (subject: S) => Promise<Record<F, number>>,
  rounds = ROUNDS,
): Promise<Results<S, F>> {
  const results = new Results<S, F>();
  for (let round = 1; round <= rounds; round++) {
    console.error(`${title}: round ${round} of ${rounds}`);
    // The other way round every other time, lest the order tells.
    await results.addRound(
      round % 2 ? subjects : subjects.toReversed(),
      once,
    );
  }
  console.log(`\n## ${title}\n`);
  return results;
}

type Load =
  | "seconds"
  | "messages"
  | "least"
  | "most"
  | "none"
  | "p50"
  | "p99"
  | "p999";

/**
 * Runs a closed loop. Adds messages per second, CPU microseconds per message, and
 * how busy the server was: when that is far below 1, something else was the limit.
 */
async function load(
  server: Server,
  connections: number,
  size: number,
  seconds: number,
): Promise<Record<Load | "rate" | "cpu" | "busy", number>> {
  await using client = startClient("load", server, connections, size, seconds);
  await client.line();
  const before = await server.child.cpu();
  const figures = await figuresOf<Load>(client);
  const cpu = await server.child.cpu() - before;
  return {
    ...figures,
    rate: figures.messages / figures.seconds,
    cpu: cpu / figures.messages,
    busy: cpu / figures.seconds / 1e6,
  };
}

const digits = new Intl.NumberFormat("en", { maximumSignificantDigits: 3 });

function printTable(
  header: readonly string[],
  rows: readonly (readonly (string | number)[])[],
): void {
  console.log(`| ${header.join(" | ")} |`);
  console.log(`|---${"|--:".repeat(header.length - 1)}|`);
  for (const row of rows) {
    const cells = row.map((cell) =>
      typeof cell === "number" ? digits.format(cell) : cell
    );
    console.log(`| ${cells.join(" | ")} |`);
  }
}

async function throughput(
  title: string,
  connections: number,
  size: number,
): Promise<void> {
  const results = await measure(title, ALL, async (name) => {
    await using server = await Server.start(name);
    return await load(server, connections, size, SECONDS);
  });
  printTable(
    ["", "msg/s", "MB/s", "ratio", "CPU µs per message", "ratio", "busy"],
    ALL.map((name) => [
      name,
      results.median(name, "rate"),
      results.median(name, "rate") * size / 1e6,
      results.ratio(name, BASE, "rate"),
      results.median(name, "cpu"),
      results.ratio(name, BASE, "cpu"),
      results.median(name, "busy"),
    ]),
  );
}

async function memory(): Promise<void> {
  const title = `Memory at ${IDLE} idle connections`;
  const results = await measure(title, ALL, async (name) => {
    await using server = await Server.start(name);
    const before = await server.child.memory();
    const each = async () =>
      (await server.child.memory() - before) / IDLE / 1000;
    await using client = startClient("idle", server, IDLE, 64 * 1024);
    await figuresOf(client);
    const idle = await each();
    await client.prompt();
    await figuresOf(client);
    return { idle, echoed: await each() };
  }, MEMORY_ROUNDS);
  printTable(
    ["", "kB per connection", "after 64 KiB echoed by each"],
    ALL.map((name) => [
      name,
      results.median(name, "idle"),
      results.median(name, "echoed"),
    ]),
  );
}

async function besideIdle(): Promise<void> {
  const title = "echod: one busy connection beside idle ones";
  const counts = ["0", "1000", "12000"];
  const results = await measure(title, counts, async (count) => {
    await using server = await Server.start("echod");
    await using idle = startClient("idle", server, Number(count), 0);
    await figuresOf(idle);
    return await load(server, 1, 64, SECONDS);
  });
  printTable(
    ["idle", "msg/s", "ratio", "CPU µs per message", "ratio", "busy"],
    counts.map((count) => [
      count,
      results.median(count, "rate"),
      results.ratio(count, "0", "rate"),
      results.median(count, "cpu"),
      results.ratio(count, "0", "cpu"),
      results.median(count, "busy"),
    ]),
  );
}

async function fairness(connections: number): Promise<void> {
  const title = `Fairness: 64 B, ${connections} busy connections`;
  const results = await measure(title, LOOPS, async (name) => {
    await using server = await Server.start(name);
    const figures = await load(server, connections, 64, FAIR_SECONDS);
    return {
      ...figures,
      evenness: figures.least / figures.most,
      tail: figures.p999 / figures.p50,
    };
  });
  printTable(
    ["", "msg/s", "ratio", "CPU µs per message", "ratio", "busy"],
    LOOPS.map((name) => [
      name,
      results.median(name, "rate"),
      results.ratio(name, BASE, "rate"),
      results.median(name, "cpu"),
      results.ratio(name, BASE, "cpu"),
      results.median(name, "busy"),
    ]),
  );
  console.log("\nMessages per connection:\n");
  printTable(
    ["", "least", "most", "least / most", "connections without any"],
    LOOPS.map((name) => [
      name,
      results.median(name, "least"),
      results.median(name, "most"),
      results.median(name, "evenness"),
      results.median(name, "none"),
    ]),
  );
  console.log("\nLatency in milliseconds:\n");
  printTable(
    ["", "p50", "p99", "p99.9", "p99.9 / p50"],
    LOOPS.map((name) => [
      name,
      results.median(name, "p50") / 1000,
      results.median(name, "p99") / 1000,
      results.median(name, "p999") / 1000,
      results.median(name, "tail"),
    ]),
  );
}

async function burst(): Promise<void> {
  const title = "200 newcomers at once beside 300 busy connections";
  const results = await measure(title, LOOPS, async (name) => {
    await using server = await Server.start(name);
    await using client = startClient("burst", server, 300, 200);
    return await figuresOf<"p50" | "p99" | "max">(client);
  });
  printTable(
    ["ms until the first echo", "p50", "p99", "last"],
    LOOPS.map((name) => [
      name,
      results.median(name, "p50") / 1000,
      results.median(name, "p99") / 1000,
      results.median(name, "max") / 1000,
    ]),
  );
}

async function churn(): Promise<void> {
  const title = "Connections opened, used once and closed";
  const results = await measure(title, ALL, async (name) => {
    await using server = await Server.start(name);
    await using client = startClient("churn", server, 50, SECONDS);
    const { connections, seconds } = await figuresOf<"connections" | "seconds">(
      client,
    );
    return { rate: connections / seconds };
  });
  printTable(
    ["", "connections/s", "ratio"],
    ALL.map((name) => [
      name,
      results.median(name, "rate"),
      results.ratio(name, BASE, "rate"),
    ]),
  );
}

async function start(): Promise<void> {
  const title = "From start to first echo";
  const results = await measure(title, ALL, async (name) => {
    const start = performance.now();
    await using server = await Server.start(name);
    const listening = performance.now() - start;
    using connection = await Deno.connect({ port: server.port });
    await connection.write(new Uint8Array(64));
    await connection.read(new Uint8Array(64));
    return { listening, echoed: performance.now() - start };
  });
  printTable(
    ["", "ms until it listens", "ms until the first echo"],
    ALL.map((name) => [
      name,
      results.median(name, "listening"),
      results.median(name, "echoed"),
    ]),
  );
}

console.log(`# echod beside other servers

Deno ${Deno.version.deno}, load by Bun ${bunVersion}; ${
  canPin ? "server and load on a core each" : "not pinned to cores"
}; ${ROUNDS} rounds (${MEMORY_ROUNDS} of memory). Ratios are to the bare loop, or to no idle connections. Busy is
the processor time of the server per second.`);
await throughput("64 B, 50 connections", 50, 64);
await throughput("64 KiB, 50 connections", 50, 64 * 1024);
await throughput("1 MiB, 1 connection", 1, 1024 * 1024);
await memory();
await besideIdle();
await fairness(300);
await fairness(1000);
await burst();
await churn();
await start();
