/**
 * Measures the endpoints beside each other, UDP beside other servers, and what a
 * second worker brings, and prints tables in Markdown:
 *
 * ```
 * deno run -A tests/benchmarks/endpoints.ts
 * ```
 *
 * It needs Linux with two cores. Servers are measured in turn, each time in a new
 * process, for several rounds.
 */
import type { BenchOptions, BenchResult } from "../../src/bench/bench.ts";
import { makeCertificate } from "../helpers/certificates.ts";
import { type Runtime, RUNTIMES } from "../helpers/runtimes.ts";
import { Child, type Core, outputOf } from "./child.ts";
import { Results } from "./results.ts";
import { pathOf } from "./servers.ts";

const ROUNDS = 5;
const DURATION = 1_000;
const [, , BUN] = RUNTIMES;

/** A server, and how it is loaded. */
interface Subject {
  readonly name: string;
  /** The name of what it is compared with. */
  readonly base: string;
  readonly command: readonly string[];
  readonly load: Omit<BenchOptions, "endpoint">;
  /** Whether server and client run on any core, rather than on one each. */
  readonly isFree?: boolean;
  /** Whether it has a process for every client: its own time is not all then. */
  readonly forks?: boolean;
}

/** What to connect to; the certificate is that of a name. */
function urlOf(endpoint: string): string {
  return endpoint.includes("://")
    ? endpoint.replace("tls://127.0.0.1", "tls://localhost")
    : `udp://${endpoint}`;
}

/** Loads a server once. */
async function measure(
  { command, load, isFree = false, forks = false }: Subject,
): Promise<{ rate: number; cpu: number }> {
  const [serverCore, clientCore]: Core[] = isFree ? [] : [0, 1];
  await using server = new Child("stderr", serverCore, command, forks);
  const [, endpoint = ""] =
    /listening on (?:UDP AF=2 )?(\S+)$/i.exec(await server.line()) ?? [];
  server.drain();
  await using client = new Child("stdout", clientCore, [
    BUN.command,
    pathOf("./client.ts"),
    "load",
    urlOf(endpoint),
    JSON.stringify({ duration: DURATION, size: 64, ...load }),
  ]);
  await client.line();
  const before = await server.cpu();
  const result: BenchResult = JSON.parse(await client.line());
  const { messagesPerSecond: rate, messages, errors, datagrams } = result;
  const cpu = await server.cpu() - before;
  if (Object.keys(errors).length > 0 || datagrams?.lost) {
    const found = JSON.stringify({ ...errors, lost: datagrams?.lost });
    throw new Error(`${command.join(" ")}: ${found}`);
  }
  return { rate, cpu: cpu / messages };
}

async function printTable(
  title: string,
  subjects: readonly Subject[],
): Promise<void> {
  const results = new Results();
  for (let round = 0; round < ROUNDS; round++) {
    console.error(`${title}: round ${round + 1} of ${ROUNDS}`);
    // The other way round every other time, lest the order tells.
    for (const subject of round % 2 ? subjects.toReversed() : subjects) {
      const { rate, cpu } = await measure(subject);
      results.add(subject.name, "rate", rate);
      if (!subject.forks) results.add(subject.name, "cpu", cpu);
    }
  }
  console.log(`\n${title}:\n`);
  console.log("| | messages/s | CPU µs per message |\n|---|--:|--:|");
  for (const { name, base } of subjects) {
    const cells = ["rate", "cpu"].map((row) => results.cell(name, row, base));
    console.log(`| ${name} | ${cells.join(" | ")} |`);
  }
}

/** The program on a runtime, which Deno has to allow more than the default needs. */
function echod({ command, args }: Runtime, ...own: string[]): string[] {
  const allowed = args.length > 0 ? ["--allow-read", "--allow-write"] : [];
  return [command, ...args, ...allowed, pathOf("../../mod.ts"), ...own];
}

const scratch = await Deno.makeTempDir();
try {
  const [cert, key] = [`${scratch}/cert.pem`, `${scratch}/key.pem`];
  makeCertificate(cert, key);
  const ca = await Deno.readTextFile(cert);

  const connections = 50;
  await printTable(
    "64 B × 50, each endpoint, and in parentheses its ratio to TCP",
    RUNTIMES.flatMap((runtime): Subject[] => {
      const base = `tcp (${runtime.name})`;
      const load = { connections };
      const tls = ["--tls-cert", cert, "--tls-key", key, "tls://127.0.0.1:0"];
      return [
        { name: base, base, load, command: echod(runtime, "-p", "0") },
        {
          name: `unix (${runtime.name})`,
          base,
          load,
          command: echod(runtime, `unix://${scratch}/echod.sock`),
        },
        {
          name: `tls (${runtime.name})`,
          base,
          load: { connections, ca },
          command: echod(runtime, ...tls),
        },
      ];
    }),
  );

  const load = { connections: 1 };
  const socat = ["socat", "-dd", "UDP4-LISTEN:0,bind=127.0.0.1,fork", "PIPE"];
  await printTable(
    "UDP, 64 B × 1, and in parentheses the ratio to `node:dgram` on the same runtime",
    [
      ...RUNTIMES.flatMap((runtime): Subject[] => {
        const { name, command, args } = runtime;
        const base = `\`node:dgram\` (${name})`;
        const own = echod(runtime, "udp://127.0.0.1:0");
        const peer = [command, ...args, pathOf("./peers/dgram.ts")];
        return [
          { name: `echod (${name})`, base, load, command: own },
          { name: base, base, load, command: peer },
        ];
      }),
      ...(await outputOf("socat", "-V")
        ? [{ name: "socat", base: "socat", load, command: socat, forks: true }]
        : []),
    ],
  );

  await printTable(
    "64 B × 200, server and client on the same two cores, and in parentheses the ratio to one worker",
    RUNTIMES.flatMap((runtime): Subject[] => {
      const base = `1 worker (${runtime.name})`;
      const rest = { base, load: { connections: 200 }, isFree: true };
      const workers = (count: string) =>
        echod(runtime, "-p", "0", "--workers", count);
      return [
        { name: base, command: workers("1"), ...rest },
        { name: `2 workers (${runtime.name})`, command: workers("2"), ...rest },
      ];
    }),
  );
} finally {
  await Deno.remove(scratch, { recursive: true });
}
