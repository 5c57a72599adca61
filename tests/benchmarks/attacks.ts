/**
 * Attacks echod's fairness, on every runtime and beside Go's `net`, and prints
 * tables in Markdown. It runs on Bun, as a client on Deno starves its own
 * connections, and needs Linux, npx, openssl and a limit of 14,000 open files:
 *
 * ```
 * bun tests/benchmarks/attacks.ts                    all scenarios
 * bun tests/benchmarks/attacks.ts bulk drip          some of them
 * bun tests/benchmarks/attacks.ts widths             what the width of the turnstile does
 * ```
 *
 * In each scenario 1,000 clients exchange 64-byte messages as fast as they are
 * answered, 50 newcomers a second connect and wait for their first echo, and
 * others make trouble. Server and clients have a core each; several workers have
 * both.
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
import { join } from "node:path";
import process from "node:process";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { makeCertificate } from "../helpers/certificates.ts";

/** What is used of Bun here. */
declare const Bun: {
  connect(
    options: Endpoint & {
      data: Client;
      socket: {
        handshake(socket: Socket): void;
        data(socket: Socket, chunk: Uint8Array): void;
        drain(socket: Socket): void;
        close(socket: Socket): void;
        error(socket: Socket, error: Error): void;
      };
    },
  ): Promise<Socket>;
};

/** Where clients connect to. */
type Endpoint =
  | {
    readonly hostname: string;
    readonly port: number;
    readonly tls?: { readonly rejectUnauthorized: false };
  }
  | { readonly unix: string };

/** The endpoints of a server. */
interface Endpoints {
  readonly TCP: Endpoint;
  readonly TLS: Endpoint;
  readonly Unix: Endpoint;
}

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
/** How many clients send small messages. */
const CLIENTS = 1_000;
/** How many newcomers there are a second. */
const NEWCOMERS = 50;

const root = fileURLToPath(new URL("../..", import.meta.url));
const message = Buffer.alloc(4 * MiB, "echod");
const directory = mkdtempSync(`${tmpdir()}/echod-`);
const cert = join(directory, "cert.pem");
const key = join(directory, "key.pem");
const socket = join(directory, "echod.sock");

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

  async connect(endpoint: Endpoint): Promise<void> {
    this.#socket = await Bun.connect({
      ...endpoint,
      data: this,
      socket: {
        handshake: ({ data }) => data.flush(),
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
    this.#unsent = 1;
    this.flush();
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
async function connect(
  clients: Client[],
  endpoint: Endpoint,
): Promise<Client[]> {
  const rest = clients.values();
  await Promise.all(Array.from({ length: 50 }, async () => {
    for (const client of rest) {
      await client.connect(endpoint);
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

const SCENARIOS: Record<string, (endpoint: Endpoint) => Promise<Trouble>> = {
  alone: noTrouble,

  /** 20 send 1 MiB messages, 4 of them under way. */
  async bulk(endpoint) {
    const clients = await connect(
      Array.from({ length: 20 }, () => new Client(MiB, 4, (c) => c.send(1))),
      endpoint,
    );
    for (const client of clients) client.send();
    return { clients };
  },

  /** 10,000 are idle, and say something once a second, at random. */
  async wake(endpoint) {
    const clients = await connect(
      Array.from({ length: 10_000 }, () => new Client(SMALL, 1, () => {})),
      endpoint,
    );
    const stop = every(clients.length, () => {
      clients[Math.floor(Math.random() * clients.length)]?.send();
    });
    return { clients, stop };
  },

  /** 200 send a byte at a time, a hundred times a second. */
  async drip(endpoint) {
    const clients = await connect(
      Array.from({ length: 200 }, () => new Client(1, 1, () => {})),
      endpoint,
    );
    let next = 0;
    const stop = every(100 * clients.length, () => {
      clients[next++ % clients.length]?.send();
    });
    return { clients, stop };
  },

  /** 100 send much, and stop reading in the middle of it, a few every moment. */
  async deaf(endpoint) {
    const clients = await connect(
      Array.from({ length: 100 }, () => new Client(MiB, 4, (c) => c.send(1))),
      endpoint,
    );
    const rest = clients.values();
    const stop = every(clients.length / (WARM_UP + MEASURED), () => {
      const { value: client } = rest.next();
      client?.send();
      setTimeout(() => client?.stopReading(), 20);
    });
    return { clients, stop };
  },

  /** A third of the clients each come over TCP, TLS and a Unix socket. */
  mixed: noTrouble,
};

function noTrouble(): Promise<Trouble> {
  return Promise.resolve({ clients: [] });
}

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

/** Clients that come the same way, and ought to fare the same. */
class Crowd {
  readonly endpoint: Endpoint;
  readonly clients: Client[];
  readonly #latencies = new Float32Array(1 << 22);
  #count = 0;
  readonly #arrivals: number[] = [];
  /** The newcomers that have had no echo yet, and when they came. */
  readonly #waiting = new Map<Client, number>();

  constructor(endpoint: Endpoint, size: number) {
    this.endpoint = endpoint;
    const onEcho = (client: Client, latency: number) => {
      if (this.#count < this.#latencies.length) {
        this.#latencies[this.#count++] = latency;
      }
      client.send();
    };
    this.clients = Array.from(
      { length: size },
      () => new Client(SMALL, 1, onEcho),
    );
  }

  /** Counts from now on. */
  begin(): void {
    for (const client of this.clients) client.echoes = 0;
    this.#count = 0;
  }

  /** Has somebody come who leaves after a first echo. */
  addNewcomer(): void {
    const arrived = performance.now();
    const newcomer = new Client(SMALL, 1, () => {
      this.#arrivals.push(performance.now() - arrived);
      this.#waiting.delete(newcomer);
      newcomer.close();
    });
    this.#waiting.set(newcomer, arrived);
    newcomer.connect(this.endpoint).then(() => newcomer.send());
  }

  /** How they have fared. Ends those who still wait. */
  end(seconds: number): Omit<Figures, "others"> {
    const echoes = this.clients.map((client) => client.echoes);
    const sorted = this.#latencies.subarray(0, this.#count).sort();
    // Those who still wait count too.
    const now = performance.now();
    const arrivals = this.#arrivals.concat(
      Array.from(this.#waiting.values(), (arrived) => now - arrived),
    ).sort((one, other) => one - other);
    for (const client of this.#waiting.keys()) client.close();
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
    };
  }
}

/** How each crowd has fared, by the name of its endpoint. */
async function attack(
  scenario: string,
  endpoints: Endpoints,
): Promise<[name: string, figures: Figures][]> {
  const { TCP, TLS, Unix } = endpoints;
  const places = scenario === "mixed" ? { TCP, TLS, Unix } : { TCP };
  const count = Object.keys(places).length;
  const crowds = Object.entries(places).map(([name, endpoint]) =>
    [name, new Crowd(endpoint, Math.floor(CLIENTS / count))] as const
  );
  const all: Client[] = [];
  for (const [, { clients, endpoint }] of crowds) {
    all.push(...await connect(clients, endpoint));
  }
  const trouble = await SCENARIOS[scenario]?.(TCP) ?? await noTrouble();
  for (const client of all) client.send();
  await sleep(WARM_UP);

  const start = performance.now();
  for (const client of trouble.clients) client.echoes = 0;
  for (const [, crowd] of crowds) crowd.begin();
  let newcomers = 0;
  const stopNewcomers = every(NEWCOMERS, () => {
    crowds[newcomers++ % count]?.[1].addNewcomer();
  });
  await sleep(MEASURED);
  stopNewcomers();
  const seconds = (performance.now() - start) / 1000;
  const bytes = trouble.clients.reduce((sum, { bytes }) => sum + bytes, 0);
  const others = bytes / seconds / 1e6;
  const result = crowds.map(([name, crowd]): [string, Figures] => [
    name,
    { ...crowd.end(seconds), others },
  ]);

  trouble.stop?.();
  for (const client of [...all, ...trouble.clients]) client.close();
  return result;
}

interface Subject {
  readonly name: string;
  readonly command: readonly string[];
  /** The cores that it runs on; the clients run on the second. */
  readonly cores: "0" | "0,1";
}

function isThere(command: string): boolean {
  return spawnSync(command, ["-h"], { stdio: "ignore" }).error === undefined;
}

/** The path of a runtime. To start it by npx would be to end npx alone. */
function find(npm: string, ...args: string[]): string {
  return execFileSync("npx", ["--yes", npm, ...args], {
    encoding: "utf8",
    stdio: ["ignore", "pipe", "ignore"],
  }).trim();
}

const deno = find("deno@2.9.6", "eval", "console.log(Deno.execPath())");
const node = find("node@24", "-p", "process.execPath");

/** echod's arguments. */
const ARGS = [
  ...["--tls-cert", cert, "--tls-key", key],
  ...["tcp://127.0.0.1:0", "tls://127.0.0.1:0", `unix://${socket}`],
];

function onDeno(directory: string): string[] {
  return [deno, "run", "-A", "--cached-only", `${directory}/mod.ts`, ...ARGS];
}

async function measure(
  scenario: string,
  { command, cores }: Subject,
): Promise<[name: string, figures: Figures][]> {
  const server = spawn("taskset", ["-c", cores, ...command], {
    stdio: ["ignore", "ignore", "pipe"],
    // The core that it has; it would take more for its own if it saw them.
    env: { ...process.env, GOMAXPROCS: "1" },
  });
  try {
    return await attack(scenario, await endpointsOf(server));
  } finally {
    server.kill("SIGKILL");
    rmSync(socket, { force: true });
  }
}

/** Where a server listens. */
async function endpointsOf({ stderr }: ChildProcess): Promise<Endpoints> {
  if (!stderr) throw new Error("The server has no standard error");
  const hostname = "127.0.0.1";
  const found = new Map<string, number>();
  for await (const line of createInterface({ input: stderr })) {
    const [, transport, port] = /Listening on (\w+):.*?(\d*)$/.exec(line) ?? [];
    if (transport) found.set(transport, Number(port));
    const [tcp, tls] = [found.get("tcp"), found.get("tls")];
    if (!tcp || !tls || !found.has("unix")) continue;
    stderr.resume();
    return {
      TCP: { hostname, port: tcp },
      TLS: { hostname, port: tls, tls: { rejectUnauthorized: false } },
      Unix: { unix: socket },
    };
  }
  throw new Error("The server has ended early");
}

const digits = new Intl.NumberFormat("en", { maximumSignificantDigits: 3 });

async function printTable(
  scenario: string,
  subjects: readonly Subject[],
): Promise<void> {
  console.log(`\n## ${scenario}\n`);
  console.log(
    "| | msg/s | least–most | p50 | p99 | p99.9 | newcomers: p50 | p99 | last | others: MB/s |",
  );
  console.log(`|---|${"--:|".repeat(9)}`);
  for (const subject of subjects) {
    for (const [endpoint, figures] of await measure(scenario, subject)) {
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
      console.log(`| ${subject.name}, ${endpoint} | ${cells.join(" | ")} |`);
    }
  }
}

/** echod on every runtime, and Go's `net`. */
function rivals(): Subject[] {
  const entry = `${root}/mod.ts`;
  const commands: Record<string, string[]> = {
    Deno: onDeno(root),
    Node: [node, entry, ...ARGS],
    Bun: [process.execPath, entry, ...ARGS],
  };
  if (isThere("go")) {
    const go = join(directory, "go_net");
    const source = fileURLToPath(new URL("./peers/go_net.go", import.meta.url));
    execFileSync("go", ["build", "-o", go, source]);
    commands["Go"] = [go, cert, key, socket];
  }
  return Object.entries(commands).map(([name, command]) => ({
    name,
    command,
    cores: "0",
  }));
}

/** echod on Deno, with turnstiles of other widths and with workers. */
function widths(): Subject[] {
  return [16, 32, 64, 128, 256, 512].flatMap((width): Subject[] => {
    const copy = join(directory, String(width));
    for (const path of ["src", "mod.ts", "deno.json", "package.json"]) {
      cpSync(`${root}/${path}`, `${copy}/${path}`, { recursive: true });
    }
    const file = `${copy}/src/core/turnstile.ts`;
    const source = readFileSync(file, "utf8");
    writeFileSync(file, source.replace("WIDTH = 64", `WIDTH = ${width}`));
    const command = onDeno(copy);
    return [
      { name: `${width}`, command, cores: "0" },
      ...[2, 4].map((workers): Subject => ({
        name: `${width}, ${workers} workers`,
        command: [...command, "--workers", String(workers)],
        cores: "0,1",
      })),
    ];
  });
}

spawnSync("taskset", ["-cp", "1", String(process.pid)]);
try {
  makeCertificate(cert, key);
  const [first = "", ...others] = process.argv.slice(2);
  const ofWidths = first === "widths";
  const subjects = ofWidths ? widths() : rivals();
  const chosen = ofWidths ? others : first ? [first, ...others] : [];
  const usual = ofWidths ? ["alone", "bulk"] : Object.keys(SCENARIOS);
  for (const scenario of chosen.length > 0 ? chosen : usual) {
    await printTable(scenario, subjects);
  }
} finally {
  rmSync(directory, { recursive: true });
}
process.exit();
