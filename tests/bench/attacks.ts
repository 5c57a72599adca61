/**
 * Attacks echod's fairness, on every runtime and beside Go's `net`, and prints
 * tables in Markdown. It runs on Bun, as a client on Deno starves its own
 * connections, and needs Linux, Deno, Node and a limit of 14,000 open files:
 *
 * ```
 * bun tests/bench/attacks.ts                    all scenarios
 * bun tests/bench/attacks.ts bulk drip          some of them
 * bun tests/bench/attacks.ts widths             what the width of the turnstile does
 * ```
 *
 * In each scenario 1,000 clients exchange 64-byte messages as fast as they are
 * answered, 50 newcomers a second connect and wait for their first echo, and
 * others make trouble. Server and clients have a core each.
 */
import { Buffer } from "node:buffer";
import {
  type ChildProcess,
  execFileSync,
  spawn,
  spawnSync,
} from "node:child_process";
import {
  cpSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import process from "node:process";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";

/** What is used of Bun here. */
declare const Bun: {
  connect(options: {
    hostname: string;
    port: number;
    data: Client;
    socket: {
      data(socket: Socket, chunk: Uint8Array): void;
      drain(socket: Socket): void;
      close(socket: Socket): void;
      error(socket: Socket, error: Error): void;
    };
  }): Promise<Socket>;
};

interface Socket {
  readonly data: Client;
  /** Returns how many bytes it took, or -1 once it has failed. */
  write(bytes: Uint8Array, offset: number, length: number): number;
  setNoDelay(on: boolean): boolean;
  pause(): void;
  end(): void;
}

const SMALL = 64;
const MiB = 2 ** 20;
/** Seconds: before a measurement, and of it. */
const WARM_UP = 1;
const MEASURED = 3;
/** How many newcomers there are a second. */
const NEWCOMERS = 50;

const root = fileURLToPath(new URL("../..", import.meta.url));
const message = Buffer.alloc(4 * MiB, "echod");

/** A client that keeps so many messages of that size under way. */
class Client {
  /** How many messages have come back since the measurement began. */
  echoes = 0;
  /** Whether the server has answered a first byte. */
  #served: (() => void) | undefined;
  closed = false;
  readonly #size: number;
  readonly #window: number;
  readonly #onEcho: (client: Client, latency: number) => void;
  #socket: Socket | undefined;
  #unsent = 0;
  #received = 0;
  #sentAt = 0;

  constructor(
    size: number,
    window: number,
    onEcho: (client: Client, latency: number) => void,
  ) {
    this.#size = size;
    this.#window = window;
    this.#onEcho = onEcho;
  }

  async connect(port: number): Promise<void> {
    this.#socket = await Bun.connect({
      hostname: "127.0.0.1",
      port,
      data: this,
      socket: {
        data: ({ data }, chunk) => data.receive(chunk.length),
        drain: ({ data }) => data.flush(),
        close: ({ data }) => data.#check(),
        error: ({ data }) => data.#check(),
      },
    });
    this.#socket.setNoDelay(true);
  }

  /** Resolves when a first byte has come back. */
  served(): Promise<void> {
    this.#socket?.write(message, 0, 1);
    return new Promise((resolve) => this.#served = resolve);
  }

  /** Sends so many messages more. */
  send(count = this.#window): void {
    this.#unsent += count * this.#size;
    this.#sentAt = performance.now();
    this.flush();
  }

  flush(): void {
    while (this.#unsent > 0) {
      const length = Math.min(this.#unsent, message.length);
      const taken = this.#socket?.write(message, 0, length) ?? 0;
      if (taken > 0) this.#unsent -= taken;
      if (taken < length) return;
    }
  }

  receive(count: number): void {
    if (this.#served) {
      this.#served();
      this.#served = undefined;
      return;
    }
    this.#received += count;
    while (this.#received >= this.#size) {
      this.#received -= this.#size;
      this.echoes++;
      this.#onEcho(this, performance.now() - this.#sentAt);
    }
  }

  /** How much has come back since then, in whole messages. */
  get bytes(): number {
    return this.echoes * this.#size;
  }

  stopReading(): void {
    this.#socket?.pause();
  }

  close(): void {
    this.closed = true;
    this.#socket?.end();
  }

  #check(): void {
    if (!this.closed) throw new Error("A connection was lost");
  }
}

function sleep(seconds: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, seconds * 1000));
}

/** Connects all of them, and sees that each is served. */
async function connect(clients: Client[], port: number): Promise<Client[]> {
  const rest = clients.values();
  await Promise.all(Array.from({ length: 50 }, async () => {
    for (const client of rest) {
      await client.connect(port);
      await client.served();
    }
  }));
  return clients;
}

/** Calls `act` so many times a second. Returns what ends it. */
function every(perSecond: number, act: () => void): () => void {
  const start = performance.now();
  let done = 0;
  const timer = setInterval(() => {
    const due = (performance.now() - start) / 1000 * perSecond;
    for (; done < due; done++) act();
  }, 1);
  return () => clearInterval(timer);
}

/** Those who make trouble. */
interface Trouble {
  readonly clients: readonly Client[];
  readonly stop?: () => void;
}

const SCENARIOS: Record<string, (port: number) => Promise<Trouble>> = {
  alone() {
    return Promise.resolve({ clients: [] });
  },

  /** 20 send 1 MiB messages, 4 of them under way. */
  async bulk(port) {
    const clients = await connect(
      Array.from({ length: 20 }, () => new Client(MiB, 4, (c) => c.send(1))),
      port,
    );
    for (const client of clients) client.send();
    return { clients };
  },

  /** 10,000 are idle, and say something once a second, at random. */
  async wake(port) {
    const clients = await connect(
      Array.from({ length: 10_000 }, () => new Client(SMALL, 1, () => {})),
      port,
    );
    const stop = every(clients.length, () => {
      clients[Math.floor(Math.random() * clients.length)]?.send();
    });
    return { clients, stop };
  },

  /** 200 send a byte at a time, a hundred times a second. */
  async drip(port) {
    const clients = await connect(
      Array.from({ length: 200 }, () => new Client(1, 1, () => {})),
      port,
    );
    let next = 0;
    const stop = every(100 * clients.length, () => {
      clients[next++ % clients.length]?.send();
    });
    return { clients, stop };
  },

  /** 100 send much, and stop reading in the middle of it, a few every moment. */
  async deaf(port) {
    const clients = await connect(
      Array.from({ length: 100 }, () => new Client(MiB, 4, (c) => c.send(1))),
      port,
    );
    const rest = clients.values();
    const stop = every(clients.length / (WARM_UP + MEASURED), () => {
      const { value: client } = rest.next();
      client?.send();
      setTimeout(() => client?.stopReading(), 20);
    });
    return { clients, stop };
  },
};

interface Figures {
  /** Small messages a second. */
  readonly rate: number;
  readonly least: number;
  readonly most: number;
  /** Milliseconds. */
  readonly p50: number;
  readonly p99: number;
  readonly p999: number;
  /** Milliseconds until a newcomer's first echo. */
  readonly new50: number;
  readonly new99: number;
  readonly newMost: number;
  /** Megabytes a second for those who make trouble. */
  readonly others: number;
}

function quantile(sorted: Float32Array | number[], share: number): number {
  return sorted[Math.floor(share * (sorted.length - 1))] ?? NaN;
}

async function attack(scenario: string, port: number): Promise<Figures> {
  const latencies = new Float32Array(1 << 22);
  let count = 0;
  const clients = await connect(
    Array.from(
      { length: 1_000 },
      () =>
        new Client(SMALL, 1, (client, latency) => {
          if (count < latencies.length) latencies[count++] = latency;
          client.send();
        }),
    ),
    port,
  );
  const trouble = await SCENARIOS[scenario]?.(port) ?? { clients: [] };
  for (const client of clients) client.send();
  await sleep(WARM_UP);

  const all = [...clients, ...trouble.clients];
  for (const client of all) client.echoes = 0;
  count = 0;
  const start = performance.now();
  const arrivals: number[] = [];
  const waiting = new Map<Client, number>();
  const stopNewcomers = every(NEWCOMERS, () => {
    const arrived = performance.now();
    const newcomer = new Client(SMALL, 1, () => {
      arrivals.push(performance.now() - arrived);
      waiting.delete(newcomer);
      newcomer.close();
    });
    waiting.set(newcomer, arrived);
    newcomer.connect(port).then(() => newcomer.send());
  });
  await sleep(MEASURED);
  stopNewcomers();
  const seconds = (performance.now() - start) / 1000;
  const echoes = clients.map((client) => client.echoes);
  const sorted = latencies.subarray(0, count).sort();
  const bytes = trouble.clients.reduce((sum, { bytes }) => sum + bytes, 0);
  // Those who still wait count too.
  const now = performance.now();
  for (const arrived of waiting.values()) arrivals.push(now - arrived);
  arrivals.sort((one, other) => one - other);

  trouble.stop?.();
  for (const client of [...all, ...waiting.keys()]) client.close();
  return {
    rate: echoes.reduce((sum, some) => sum + some, 0) / seconds,
    least: Math.min(...echoes),
    most: Math.max(...echoes),
    p50: quantile(sorted, 0.5),
    p99: quantile(sorted, 0.99),
    p999: quantile(sorted, 0.999),
    new50: quantile(arrivals, 0.5),
    new99: quantile(arrivals, 0.99),
    newMost: arrivals.at(-1) ?? NaN,
    others: bytes / seconds / 1e6,
  };
}

/** The servers' commands. */
type Commands = Readonly<Record<string, readonly string[]>>;

function isThere(command: string): boolean {
  return spawnSync(command, ["-h"], { stdio: "ignore" }).error === undefined;
}

function echod(directory: string): Commands {
  const entry = `${directory}/mod.ts`;
  const deno = isThere("deno") ? ["deno"] : ["npx", "--yes", "deno@2.9.6"];
  const node = ["npx", "--yes", "node@24"];
  return {
    Deno: [...deno, "run", "--allow-net", "--cached-only", entry, "-p0"],
    Node: [...node, entry, "-p0"],
    Bun: [process.execPath, entry, "-p0"],
  };
}

async function measure(
  scenario: string,
  [program = "", ...args]: readonly string[],
): Promise<Figures> {
  const server = spawn("taskset", ["-c", "0", program, ...args], {
    stdio: ["ignore", "ignore", "pipe"],
    // The core that it has; it would take more for its own if it saw them.
    env: { ...process.env, GOMAXPROCS: "1" },
  });
  try {
    return await attack(scenario, await portOf(server));
  } finally {
    server.kill("SIGKILL");
  }
}

async function portOf({ stderr }: ChildProcess): Promise<number> {
  if (!stderr) throw new Error("The server has no standard error");
  for await (const line of createInterface({ input: stderr })) {
    const port = /Listening on tcp:.*:(\d+)$/.exec(line)?.[1];
    stderr.resume();
    if (port) return Number(port);
  }
  throw new Error("The server has ended early");
}

const digits = new Intl.NumberFormat("en", { maximumSignificantDigits: 3 });

async function printTable(
  scenario: string,
  commands: Commands,
): Promise<void> {
  console.log(`\n## ${scenario}\n`);
  console.log(
    "| | msg/s | least–most | p50 | p99 | p99.9 | newcomers: p50 | p99 | last | others: MB/s |",
  );
  console.log(`|---|${"--:|".repeat(9)}`);
  for (const [name, command] of Object.entries(commands)) {
    const figures = await measure(scenario, command);
    const cells = [
      figures.rate,
      `${figures.least}–${figures.most}`,
      figures.p50,
      figures.p99,
      figures.p999,
      figures.new50,
      figures.new99,
      figures.newMost,
      figures.others,
    ].map((cell) => typeof cell === "number" ? digits.format(cell) : cell);
    console.log(`| ${name} | ${cells.join(" | ")} |`);
  }
}

/** echod with turnstiles of other widths, on Deno. */
function widths(directory: string): Commands {
  const commands: Record<string, readonly string[]> = {};
  for (const width of [16, 32, 64, 128, 256, 512]) {
    const copy = `${directory}/${width}`;
    for (const path of ["src", "mod.ts", "deno.json", "package.json"]) {
      cpSync(`${root}/${path}`, `${copy}/${path}`, { recursive: true });
    }
    const file = `${copy}/src/turnstile.ts`;
    const source = readFileSync(file, "utf8");
    writeFileSync(file, source.replace("WIDTH = 64", `WIDTH = ${width}`));
    commands[width] = echod(copy)["Deno"] ?? [];
  }
  return commands;
}

const directory = mkdtempSync(`${tmpdir()}/echod-`);
spawnSync("taskset", ["-cp", "1", String(process.pid)]);
try {
  const [first = "", ...others] = process.argv.slice(2);
  if (first === "widths") {
    const commands = widths(directory);
    for (const scenario of others.length > 0 ? others : ["alone", "bulk"]) {
      await printTable(scenario, commands);
    }
  } else {
    const go = `${directory}/echo`;
    if (isThere("go")) {
      const source = fileURLToPath(
        new URL("./peers/go_net.go", import.meta.url),
      );
      execFileSync("go", ["build", "-o", go, source]);
    }
    const commands = { ...echod(root), ...(isThere("go") && { Go: [go] }) };
    const chosen = first ? [first, ...others] : Object.keys(SCENARIOS);
    for (const scenario of chosen) await printTable(scenario, commands);
  }
} finally {
  rmSync(directory, { recursive: true });
}
process.exit();
