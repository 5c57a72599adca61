import { loadParseArgs } from "../../../src/cli/parse_args.ts";
import { canHurt } from "../../../src/cli/bench/run_bench.ts";
import {
  BENCH_HELP,
  type BenchSettings,
  readBenchArgs,
} from "../../../src/cli/bench/settings.ts";
import { UsageError } from "../../../src/cli/command_line.ts";
import { parsePlainEndpoint } from "../../../src/listen/endpoint.ts";
import { assert, assertEquals, assertRejects } from "../../helpers/assert.ts";

const parseArgs = await loadParseArgs();
const loadParser = () => Promise.resolve(parseArgs);

const URL = "tcp://127.0.0.1:7";

const UDP = { transport: "udp", hostname: "127.0.0.1", port: 7 } as const;

const DEFAULTS: BenchSettings = {
  endpoint: { transport: "tcp", hostname: "127.0.0.1", port: 7 },
  connections: 10,
  size: [64, 64],
  duration: undefined,
  messages: undefined,
  timeout: undefined,
  drain: undefined,
  rate: undefined,
  window: undefined,
  churn: false,
  reconnect: false,
  ramp: undefined,
  warmup: undefined,
  workers: 1,
  proxyProtocol: undefined,
  tlsCa: undefined,
  insecure: false,
  json: false,
  percentiles: undefined,
  maxLoss: undefined,
  maxP99: undefined,
  minRate: undefined,
  runs: undefined,
  findRate: false,
  hgrm: undefined,
  csv: undefined,
  html: undefined,
  progress: false,
  yes: false,
  help: false,
};

function split(line: string): string[] {
  return line.split(" ").filter(Boolean);
}

const RIGHT: Record<string, Partial<BenchSettings>> = {
  [URL]: {},
  [`-c 5 ${URL}`]: { connections: 5 },
  [`${URL} --connections=5`]: { connections: 5 },
  [`--json ${URL}`]: { json: true },
  [`--churn ${URL} -y`]: { churn: true, yes: true },
  [`-s 1MiB ${URL}`]: { size: [1_048_576, 1_048_576] },
  [`-s 1..64KiB ${URL}`]: { size: [1, 65_536] },
  [`-d 1.5s ${URL}`]: { duration: 1_500 },
  [`-n 1000 ${URL}`]: { messages: 1_000 },
  [`-n 1000 -d 2s ${URL}`]: { messages: 1_000, duration: 2_000 },
  [`--timeout 3s --drain 0s ${URL}`]: { timeout: 3_000, drain: 0 },
  [`-r 0.5 ${URL}`]: { rate: 0.5 },
  [`-r 5 --churn ${URL}`]: { rate: 5, churn: true },
  [`--reconnect --ramp 2s ${URL}`]: { reconnect: true, ramp: 2_000 },
  [`--find-rate --max-p99 5ms ${URL}`]: { findRate: true, maxP99: 5 },
  [`--runs 5 --html a.html --progress ${URL}`]: {
    runs: 5,
    html: "a.html",
    progress: true,
  },
  [`--hgrm a.hgrm --csv a.csv ${URL}`]: { hgrm: "a.hgrm", csv: "a.csv" },
  [`--percentiles 50,95,99.999 ${URL}`]: { percentiles: [50, 95, 99.999] },
  [`--max-p99 5ms --min-rate 1000 ${URL}`]: { maxP99: 5, minRate: 1_000 },
  "--max-loss 0.5 udp://127.0.0.1:7": { endpoint: UDP, maxLoss: 0.5 },
  "--max-loss 1% udp://127.0.0.1:7": { endpoint: UDP, maxLoss: 1 },
  [`--window 8 ${URL}`]: { window: 8 },
  [`--warmup 0s ${URL}`]: { warmup: 0 },
  [`--workers 2 ${URL}`]: { workers: 2 },
  [`--proxy-protocol 1 ${URL}`]: { proxyProtocol: 1 },
  [`--proxy-protocol=2 ${URL}`]: { proxyProtocol: 2 },
  "--tls-ca ca.pem tls://localhost:7": {
    endpoint: { transport: "tls", hostname: "localhost", port: 7 },
    tlsCa: "ca.pem",
  },
  "-k tls://localhost:7": {
    endpoint: { transport: "tls", hostname: "localhost", port: 7 },
    insecure: true,
  },
  "unix:///run/e": { endpoint: { transport: "unix", path: "/run/e" } },
  "-h": { help: true, endpoint: undefined },
};

for (const [line, expected] of Object.entries(RIGHT)) {
  Deno.test(`readBenchArgs() takes: ${line}`, async () => {
    assertEquals(await readBenchArgs(split(line), loadParser), {
      ...DEFAULTS,
      ...expected,
    });
  });
}

/** Wrong command lines, and what their message has to name. */
const WRONG: Record<string, string[]> = {
  "": ["No endpoint", "tcp://127.0.0.1:3000"],
  "localhost:7": ["localhost:7", "tcp://HOST:PORT"],
  "tcp://localhost": ["tcp://localhost", "port"],
  [`${URL}?delay=1s`]: [`${URL}?delay=1s`, "no parameters", "server"],
  [`${URL} ${URL}`]: ["Several endpoints", "one is accepted"],
  "fd://3": ["fd://3", "no descriptor", "server"],
  [`--bogus ${URL}`]: ["--bogus"],
  [`--json=yes ${URL}`]: ["--json", "yes", "none"],
  [`-c 0 ${URL}`]: ["--connections", "0", "from 1"],
  [`-c ${URL}`]: ["--connections", "from 1"],
  [`-s 0 ${URL}`]: ["--size", "0", "4KiB"],
  [`-s 64KB ${URL}`]: ["--size", "64KB", "4KiB"],
  [`-s 2..1 ${URL}`]: ["--size", "2..1", "1..64KiB"],
  [`-s 1..2..3 ${URL}`]: ["--size", "1..2..3"],
  [`-s 1.. ${URL}`]: ["--size", "1.."],
  [`-s 2GiB ${URL}`]: ["--size", "1GiB at most"],
  "-s 64KiB udp://127.0.0.1:7": ["--size", "65507 at most over UDP"],
  [`-d 10 ${URL}`]: ["--duration", "10", "unit"],
  [`-d 0s ${URL}`]: ["--duration", "more than 0"],
  [`--timeout 0s ${URL}`]: ["--timeout", "more than 0"],
  [`--max-loss 1 ${URL}`]: ["--max-loss", "udp://HOST:PORT"],
  "--max-loss 101 udp://127.0.0.1:7": ["--max-loss", "101", "0 to 100"],
  [`--max-p99 5 ${URL}`]: ["--max-p99", "5", "unit"],
  [`--min-rate 0 ${URL}`]: ["--min-rate", "0", "more than 0"],
  [`--percentiles 50,100 ${URL}`]: ["--percentiles", "50,100", "99.999"],
  [`--percentiles 50,,99 ${URL}`]: ["--percentiles", "50,,99"],
  [`-r 0 ${URL}`]: ["--rate", "0", "more than 0"],
  [`-r 1e3 ${URL}`]: ["--rate", "1e3"],
  [`-r 5 --window 2 ${URL}`]: ["--rate", "--window"],
  [`--reconnect --churn ${URL}`]: ["--reconnect", "--churn"],
  [`--ramp 1s --churn ${URL}`]: ["--ramp", "--churn"],
  [`--find-rate ${URL}`]: ["--find-rate", "--max-p99"],
  [`--find-rate --max-p99 5ms -n 9 ${URL}`]: ["--find-rate", "--messages"],
  [`--runs 3 --csv x ${URL}`]: ["--runs", "--csv", "one of them"],
  [`--window 2 --churn ${URL}`]: ["--window", "--churn"],
  [`--workers 2 -c 1 ${URL}`]: ["--workers", "2", "1 connection"],
  [`--proxy-protocol 3 ${URL}`]: ["--proxy-protocol", "3", "1 or 2"],
  "--proxy-protocol 1 udp://127.0.0.1:7": ["--proxy-protocol", "tcp://"],
  [`--tls-ca x ${URL}`]: ["--tls-ca", "tls://HOST:PORT"],
  [`-k ${URL}`]: ["--insecure", "tls://HOST:PORT"],
  "-k --tls-ca x tls://localhost:7": ["--tls-ca", "--insecure", "one of them"],
};

for (const [line, parts] of Object.entries(WRONG)) {
  Deno.test(`readBenchArgs() refuses: ${line}`, async () => {
    const { message } = await assertRejects(
      () => readBenchArgs(split(line), loadParser),
      UsageError,
    );
    assert(!message.includes("\n"));
    for (const part of parts) assert(message.includes(part), message);
  });
}

Deno.test("The help of bench names every option", () => {
  for (const name of Object.keys(DEFAULTS)) {
    if (name === "endpoint") continue;
    const option = name.replace(
      /[A-Z]/g,
      (letter) => `-${letter.toLowerCase()}`,
    );
    assert(BENCH_HELP.includes(`--${option} `), option);
  }
});

Deno.test("canHurt() is for much, on other machines", () => {
  const hurts = (url: string, settings: Partial<BenchSettings>) =>
    canHurt(parsePlainEndpoint(url), { ...DEFAULTS, ...settings });
  const [much, many] = [{ size: [65_536, 65_536] }, {
    connections: 1_001,
  }] as const;
  for (const url of ["tcp://192.0.2.1:7", "tls://example.com:7"]) {
    assertEquals(hurts(url, {}), false);
    assertEquals(hurts(url, { connections: 1_000 }), false);
    assertEquals(hurts(url, many), true);
    assertEquals(hurts(url, much), true);
    assertEquals(hurts(url, { ...much, rate: 1_525 }), false);
    assertEquals(hurts(url, { ...much, rate: 1_526 }), true);
  }
  for (
    const url of [
      "tcp://127.0.0.1:7",
      "tcp://127.1.2.3:7",
      "tcp://[::1]:7",
      "tcp://localhost:7",
      "unix:///run/e",
    ]
  ) {
    assertEquals(hurts(url, { ...much, ...many }), false);
  }
});
