/**
 * Starts HAProxy by the configuration that is shipped, with three echods behind it,
 * and prints what clients see of restarts and of a death, and what connections cost:
 *
 * ```
 * deno task scale-out [deno|node|bun]
 * ```
 *
 * It ends with 1 if a byte was wrong, or if a restart has failed a client.
 */
import type { BenchResult } from "../../src/bench/bench.ts";
import { cpuOf, memoryOf } from "../benchmarks/child.ts";
import { Program } from "../helpers/program.ts";
import { type Runtime, RUNTIMES } from "../helpers/runtimes.ts";
import { Fleet } from "./fleet.ts";

const [DENO, , BUN] = RUNTIMES;
/** The client, on the runtime on which it costs least. */
const CLIENT = BUN.command === "" ? DENO : BUN;
/** The number of connections to weigh. */
const HELD = { direct: 5_000, balanced: 3_000 };
/** How often to weigh those in the kernel, whose memory others use and free as well. */
const ROUNDS = 5;
/** How long each load takes, in seconds. */
const DURATION = 4;

/** What is extrapolated to. */
const TARGET = 10_000_000;
/** What a connection is assumed to do: one message in so many seconds, for so long. */
const ASSUMED = { interval: 10, lifetime: 3_600 };
/** The machines that are assumed, and the ports that Linux has for one pair of addresses. */
const MACHINE = { bytes: 64e9, cores: 16 };
const PORTS = 28_232;

let failed = false;

/** A run of bench that goes on until it is told to stop, or to its end. */
class Load implements AsyncDisposable {
  readonly #program: Program;

  constructor(endpoint: string, ...options: string[]) {
    const args = ["bench", "--json", "--warmup=0s", ...options, endpoint];
    this.#program = Program.start(CLIENT, ...args);
  }

  stop(): Promise<BenchResult> {
    this.#program.signal("SIGINT");
    return this.result();
  }

  async result(): Promise<BenchResult> {
    const { stdout, stderr } = await this.#program.ended();
    if (stdout === "") throw new Error(`bench failed: ${stderr}`);
    return JSON.parse(stdout);
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.#program[Symbol.asyncDispose]();
  }
}

function item(text: string): void {
  console.log(`- ${text}`);
}

function print(
  what: string,
  { messages, errors, latencyUs, percentilesUs }: BenchResult,
  allowed: readonly string[] = [],
): void {
  const p99 = percentilesUs.find(({ percent }) => percent === 99)?.us ?? null;
  const ms = (us: number | null) =>
    us === null ? "–" : `${(us / 1000).toFixed(1)} ms`;
  const faults = Object.entries(errors)
    .map(([kind, count]) =>
      kind === "failed" ? `${count} connections failed` : `${count} B ${kind}`
    ).join(", ");
  item(
    `${what}: ${messages.toLocaleString("en")} echoes, ` +
      `p99 ${ms(p99)}, longest ${ms(latencyUs.max)}, ` +
      (faults === "" ? "no error" : `errors: ${faults}`),
  );
  if (Object.keys(errors).some((kind) => !allowed.includes(kind))) {
    failed = true;
  }
}

const sleep = (seconds: number) =>
  new Promise((resolve) => setTimeout(resolve, seconds * 1000));

async function restartAll(fleet: Fleet): Promise<void> {
  await using load = new Load(
    fleet.endpoint,
    ...["--churn", "-c50", "-r1000", "--duration=1h"],
  );
  for (const [index, server] of fleet.servers.entries()) {
    server.signal("SIGTERM");
    await fleet.until(index, ({ isUp }) => !isUp);
    await fleet.startAgain(index);
    await fleet.until(index, ({ isUp }) => isUp);
  }
  print("all restarted in turn, short connections", await load.stop());
}

async function restartUnderLong(fleet: Fleet): Promise<void> {
  await using load = new Load(
    fleet.endpoint,
    ...["-c51", "-r5000", `--duration=${3 * DURATION}s`],
  );
  await sleep(DURATION / 4);
  fleet.servers[0]?.signal("SIGTERM");
  print(
    "one restarted, connections that live longer than the delay",
    await load.result(),
  );
  await fleet.startAgain(0);
  await fleet.until(0, ({ isUp }) => isUp);
}

async function killOne(fleet: Fleet): Promise<void> {
  await using load = new Load(
    fleet.endpoint,
    ...["--churn", "-c50", "-r1000", "--duration=1h"],
  );
  await sleep(1);
  fleet.servers[1]?.signal("SIGKILL");
  const took = await fleet.until(1, ({ isUp }) => !isUp);
  await sleep(1);
  const { vain } = await fleet.stateOf(1);
  print("one killed, short connections", await load.stop(), [
    "failed",
    "truncated",
  ]);
  item(
    `HAProxy took it out after ${took.toFixed(0)} ms, ` +
      `and served ${vain} newcomers by another one`,
  );
  await fleet.startAgain(1);
  await fleet.until(1, ({ isUp }) => isUp);
}

/** Processor time for each message, in microseconds. */
interface Cost {
  readonly echod: number;
  readonly haproxy: number;
}

async function costOf(fleet: Fleet, ...options: string[]): Promise<Cost> {
  const haproxy = await fleet.pidOfHaproxy();
  const all = async () => {
    const times = await Promise.all(
      fleet.servers.map(({ pid }) => cpuOf(pid)),
    );
    return {
      echod: times.reduce((sum, time) => sum + time, 0),
      haproxy: await cpuOf(haproxy),
    };
  };
  const before = await all();
  await using load = new Load(
    fleet.endpoint,
    ...["-c50", `--duration=${DURATION}s`, ...options],
  );
  const { messages, errors } = await load.result();
  if (Object.keys(errors).length > 0) failed = true;
  const after = await all();
  return {
    echod: (after.echod - before.echod) / messages,
    haproxy: (after.haproxy - before.haproxy) / messages,
  };
}

/** Memory for each connection, in bytes; of the kernel, for each of its ends. */
interface Weight {
  readonly process: number;
  readonly end: number;
}

/** The memory that the kernel has for its structures and for sockets' buffers. */
async function kernelMemory(): Promise<number> {
  const meminfo = await Deno.readTextFile("/proc/meminfo");
  const sockstat = await Deno.readTextFile("/proc/net/sockstat");
  const slab = Number(/^Slab:\s*(\d+)/m.exec(meminfo)?.[1]) * 1024;
  return slab + Number(/^TCP:.* mem (\d+)/m.exec(sockstat)?.[1]) * 4096;
}

/**
 * Holds connections that have echoed once, and weighs what they add to a process
 * and, if they go straight to it, to the kernel: both ends are on this machine.
 */
async function weigh(
  pid: number,
  endpoint: string,
  count: number,
): Promise<Weight> {
  const { hostname, port } = new URL(endpoint.replace("tcp:", "http:"));
  const byte = new Uint8Array(1);
  const open = async () => {
    const connection = await Deno.connect({ hostname, port: Number(port) });
    await connection.write(byte);
    if (await connection.read(byte) !== 1) throw new Error("There was no echo");
    return connection;
  };
  // What the first connections allocate once is of none of the others.
  const held = [await open()];
  const before = [await memoryOf(pid), await kernelMemory()] as const;
  while (held.length <= count) held.push(await open());
  const after = [await memoryOf(pid), await kernelMemory()] as const;
  for (const connection of held) connection.close();
  return {
    process: (after[0] - before[0]) / count,
    end: (after[1] - before[1]) / count / 2,
  };
}

/** Weighs a server alone: its own memory when it is new, the kernel's as a median. */
async function weighAlone(server: Program): Promise<Weight> {
  const endpoint = `tcp://127.0.0.1:${await server.port()}`;
  const idle = await server.descriptors();
  const weights: Weight[] = [];
  for (let round = 0; round < ROUNDS; round++) {
    weights.push(await weigh(server.pid, endpoint, HELD.direct));
    // It has not closed its ends yet.
    while (await server.descriptors() > idle) await sleep(0.01);
  }
  const [first] = weights;
  const ends = weights.map(({ end }) => end).sort((a, b) => a - b);
  return {
    process: first?.process ?? NaN,
    end: ends[(ROUNDS - 1) / 2] ?? NaN,
  };
}

async function version(): Promise<string> {
  const { stdout } = await new Program("haproxy", ["-v"]).ended();
  return /HAProxy version (\d+\.\d+)/.exec(stdout)?.[1] ?? "";
}

async function scaleOut(runtime: Runtime): Promise<void> {
  console.log(
    `HAProxy ${await version()}, three echods on ${runtime.name}\n\nClients:\n`,
  );
  await using alone = Program.start(runtime, "--hostname=127.0.0.1", "-p0");
  const direct = await weighAlone(alone);
  await using fleet = await Fleet.start(runtime);
  await restartAll(fleet);
  await restartUnderLong(fleet);
  await killOne(fleet);

  console.log("\nMeasured, all on one machine:\n");
  const connect = await costOf(fleet, "--churn");
  const echo = await costOf(fleet);
  const bulk = await costOf(fleet, "--size=64KiB");
  const us = ({ echod, haproxy }: Cost) =>
    `${echod.toFixed(1)} µs of echod, ${haproxy.toFixed(1)} µs of HAProxy`;
  item(`a connection with one echo: ${us(connect)}`);
  item(`an echo of 64 B: ${us(echo)}`);
  item(`an echo of 64 KiB: ${us(bulk)}`);

  const balanced = await weigh(
    await fleet.pidOfHaproxy(),
    fleet.endpoint,
    HELD.balanced,
  );
  const kB = (bytes: number) => `${(bytes / 1000).toFixed(1)} kB`;
  item(`an open connection in echod: ${kB(direct.process)}`);
  item(`an open connection in HAProxy: ${kB(balanced.process)}`);
  item(`each end of a connection in the kernel: ${kB(direct.end)}`);

  console.log(
    `\nExtrapolated to ${
      TARGET.toLocaleString("en")
    } connections, each of which lives for\n` +
      `${ASSUMED.lifetime / 60} minutes and sends 64 B every ` +
      `${ASSUMED.interval} s:\n`,
  );
  const arrivals = TARGET / ASSUMED.lifetime;
  const echoes = TARGET / ASSUMED.interval;
  const cores = (part: keyof Cost) =>
    (arrivals * connect[part] + echoes * echo[part]) / 1e6;
  const need = (bytes: number, part: keyof Cost) => {
    const machines = Math.max(
      TARGET * bytes / MACHINE.bytes,
      cores(part) / MACHINE.cores,
    );
    return `${(TARGET * bytes / 1e9).toFixed(0)} GB, ` +
      `${cores(part).toFixed(1)} cores: ${Math.ceil(machines)} machines ` +
      `of ${MACHINE.bytes / 1e9} GB and ${MACHINE.cores} cores`;
  };
  item(
    `${Math.round(arrivals).toLocaleString("en")} newcomers ` +
      `and ${echoes.toLocaleString("en")} echoes a second`,
  );
  item(`echod: ${need(direct.process + direct.end, "echod")}`);
  item(`HAProxy: ${need(balanced.process + 2 * direct.end, "haproxy")}`);
  item(
    `${
      Math.ceil(TARGET / PORTS)
    } pairs of a balancer's and a server's address, as a pair has ` +
      `${PORTS.toLocaleString("en")} ports`,
  );
}

const wanted = Deno.args[0] ?? "deno";
const runtime = RUNTIMES.find(({ name }) => name.toLowerCase() === wanted);
if (!runtime || runtime.command === "") {
  console.error(`No runtime ${JSON.stringify(wanted)}: deno, node or bun`);
  Deno.exit(2);
}
await scaleOut(runtime);
if (failed) {
  console.error("A byte was wrong, or a restart has failed a client.");
  Deno.exit(1);
}
