import { LARGEST, LARGEST_DATAGRAM } from "../../bench/plan.ts";
import type { Addr } from "../../core/transport.ts";
import {
  FROM_1,
  readCommandLine,
  readFrom1,
  readPath,
  readSomeTime,
  readTime,
  SOME_TIME,
  TIME,
  UsageError,
} from "../command_line.ts";
import type { ParseArgs } from "../parse_args.ts";
import { readSizes, SIZES } from "../size.ts";

/** The help text of `echod bench`. */
export const BENCH_HELP = `Usage: echod bench [OPTIONS] ENDPOINT
       echod bench compare [--html FILE] A.json B.json …

Loads an echo server, checks every byte that comes back, and says how long it took.

Endpoint:
  tcp://HOST:PORT, tls://HOST:PORT, udp://HOST:PORT, unix:///PATH or unix:@NAME

Options:
  -c, --connections N        how many connections are open at the same time (10)
  -s, --size SIZE            bytes per message (64); 1..64KiB is a random size each time
  -d, --duration TIME        how long messages are counted (10s)
  -n, --messages N           … or how many are; with both, until the first is reached
  -r, --rate R               send R messages a second over all connections, on schedule,
                             instead of one as soon as another is back
      --window N             messages in flight per connection (1)
      --churn                a new connection for every message
      --reconnect            open connections again that end, and measure the gaps
      --ramp TIME            open the connections one after another over this time
      --warmup TIME          how long messages are sent before they count (1s; with -n 0s)
      --timeout TIME         how long connecting, and a TLS handshake, may take each (10s);
                             over UDP, after which time a datagram is lost (1s)
      --drain TIME           how long echoes are waited for at the end (5s)
      --workers N            how many threads share the connections (1)
      --proxy-protocol 1|2   begin each connection with a PROXY header, before TLS
      --tls-ca FILE          certificates to trust besides the usual ones, in PEM
  -k, --insecure             check no certificate, and say so in the result
      --json                 the result as one JSON object
      --percentiles LIST     the percentiles to show (50,90,99,99.9,99.99)
      --max-loss PERCENT     exit code 1 if more of the datagrams are lost (0)
      --max-p99 TIME         exit code 1 if the p99 of the latency is longer
      --min-rate R           exit code 1 if fewer than R messages a second come back
      --runs N               repeat it N times, and show the spread
      --find-rate            find the highest rate that keeps --max-p99
      --hgrm FILE            write the percentiles, for the plotter of HdrHistogram
      --csv FILE             write what happened in each second
      --html FILE            write a report with charts, in one file
      --progress             tell every second how it goes, without a terminal too
  -y, --yes                  do not ask before loading another machine heavily
  -h, --help                 show this help
  -V, --version              show the version

TIME is a number with a unit: 500ms, 30s, 5m, 1h. SIZE is a number of bytes, or one
with a unit: 4KiB, 1MiB. The first Ctrl+C ends the sending, the second the wait for the
last echoes. The result goes to standard output. The exit code is 1 when a
byte came back wrong, or not at all, or a connection failed, or a limit is exceeded.
`;

/** The settings of the client. */
export interface BenchSettings {
  /** Undefined only if help is asked for. */
  readonly endpoint?: Addr | undefined;
  readonly connections: number;
  /** Bytes, the smallest and the largest size. */
  readonly size: readonly [number, number];
  /** Milliseconds. */
  readonly duration?: number | undefined;
  readonly messages?: number | undefined;
  /** Messages a second. */
  readonly rate?: number | undefined;
  readonly window?: number | undefined;
  readonly churn: boolean;
  readonly reconnect: boolean;
  /** Milliseconds. */
  readonly ramp?: number | undefined;
  /** Milliseconds. */
  readonly warmup?: number | undefined;
  /** Milliseconds. */
  readonly timeout?: number | undefined;
  /** Milliseconds. */
  readonly drain?: number | undefined;
  readonly workers: number;
  readonly proxyProtocol?: 1 | 2 | undefined;
  /** The path of a file. */
  readonly tlsCa?: string | undefined;
  readonly insecure: boolean;
  readonly json: boolean;
  /** Per cent. */
  readonly percentiles?: readonly number[] | undefined;
  /** Per cent. */
  readonly maxLoss?: number | undefined;
  /** Milliseconds. */
  readonly maxP99?: number | undefined;
  /** Messages a second. */
  readonly minRate?: number | undefined;
  readonly runs?: number | undefined;
  readonly findRate: boolean;
  /** The path of a file. */
  readonly hgrm?: string | undefined;
  /** The path of a file. */
  readonly csv?: string | undefined;
  /** The path of a file. */
  readonly html?: string | undefined;
  readonly progress: boolean;
  readonly yes: boolean;
  readonly help: boolean;
}

const VALUES = [
  "connections",
  "size",
  "duration",
  "messages",
  "rate",
  "window",
  "warmup",
  "timeout",
  "drain",
  "workers",
  "proxy-protocol",
  "tls-ca",
  "percentiles",
  "max-loss",
  "max-p99",
  "min-rate",
  "ramp",
  "runs",
  "hgrm",
  "csv",
  "html",
] as const;
const SWITCHES = [
  "churn",
  "reconnect",
  "insecure",
  "json",
  "find-rate",
  "progress",
  "yes",
  "help",
] as const;
const ALIAS = {
  connections: "c",
  size: "s",
  duration: "d",
  messages: "n",
  rate: "r",
  insecure: "k",
  yes: "y",
  help: "h",
};
/** Describes what {@linkcode readRate} accepts. */
const RATE = "a number of messages a second, more than 0";
/** Describes what {@linkcode readPercentiles} accepts. */
const PERCENTILES = "1 to 20 numbers between 0 and 100, such as 50,95,99.999";

/** Pairs of options that exclude each other. */
const EXCLUSIVE = [
  ["rate", "window"],
  ["churn", "window"],
  ["churn", "reconnect"],
  ["churn", "ramp"],
  ["findRate", "window"],
  ["findRate", "messages"],
  ["findRate", "runs"],
  ["runs", "hgrm"],
  ["runs", "csv"],
] as const;

/** Parses the command line of `echod bench`. Rejects with a UsageError if it is invalid. */
export async function readBenchArgs(
  args: readonly string[],
  loadParser: () => Promise<ParseArgs>,
): Promise<BenchSettings> {
  const { endpoints, isOn, valueOf } = await readCommandLine(args, loadParser, {
    values: VALUES,
    switches: SWITCHES,
    alias: ALIAS,
  });
  const [endpoint, ...others] = endpoints;
  const invalid = (what: string) =>
    new UsageError(
      `Invalid endpoint ${JSON.stringify(endpoint?.url)}: ` +
        `bench accepts no ${what} for the server's endpoints`,
    );
  const addr = endpoint?.addr;
  if (addr?.transport === "fd") throw invalid("descriptor, which is");
  if (endpoint && endpoint.parameters.length > 0) {
    throw invalid("parameters, which are");
  }
  const settings = {
    endpoint: addr,
    connections: valueOf("connections", FROM_1, readFrom1) ?? 10,
    size: valueOf(
      "size",
      `${SIZES} (1GiB at most)`,
      readMessageSizes,
    ) ?? [64, 64],
    duration: valueOf("duration", SOME_TIME, readSomeTime),
    messages: valueOf("messages", FROM_1, readFrom1),
    rate: valueOf("rate", RATE, readRate),
    window: valueOf("window", FROM_1, readFrom1),
    churn: isOn("churn"),
    reconnect: isOn("reconnect"),
    ramp: valueOf("ramp", SOME_TIME, readSomeTime),
    warmup: valueOf("warmup", TIME, readTime),
    timeout: valueOf("timeout", SOME_TIME, readSomeTime),
    drain: valueOf("drain", TIME, readTime),
    workers: valueOf("workers", FROM_1, readFrom1) ?? 1,
    proxyProtocol: valueOf("proxy-protocol", "1 or 2", readVersion),
    tlsCa: valueOf("tls-ca", "a file's path", readPath),
    insecure: isOn("insecure"),
    json: isOn("json"),
    percentiles: valueOf("percentiles", PERCENTILES, readPercentiles),
    maxLoss: valueOf("max-loss", "0 to 100, in per cent", readPercent),
    maxP99: valueOf("max-p99", SOME_TIME, readSomeTime),
    minRate: valueOf("min-rate", RATE, readRate),
    runs: valueOf("runs", FROM_1, readFrom1),
    findRate: isOn("find-rate"),
    hgrm: valueOf("hgrm", "a file's path", readPath),
    csv: valueOf("csv", "a file's path", readPath),
    html: valueOf("html", "a file's path", readPath),
    progress: isOn("progress"),
    yes: isOn("yes"),
    help: isOn("help"),
  } satisfies BenchSettings;
  if (!settings.help) check(settings, others.length);
  return settings;
}

function check(settings: BenchSettings, others: number): void {
  const { endpoint, size: [, largest], connections, workers } = settings;
  if (!endpoint || others > 0) {
    throw new UsageError(
      `${endpoint ? "Several endpoints are" : "No endpoint is"} given: ` +
        "one is accepted, such as tcp://127.0.0.1:3000",
    );
  }
  for (const [one, other] of EXCLUSIVE) {
    if (!settings[one] || !settings[other]) continue;
    throw new UsageError(
      `Options ${optionOf(one)} and ${optionOf(other)} are given: ` +
        "one of them is accepted",
    );
  }
  if (settings.findRate && settings.maxP99 === undefined) {
    throw new UsageError("Option --find-rate needs --max-p99 TIME");
  }
  if (endpoint.transport === "udp" && largest > LARGEST_DATAGRAM) {
    throw new UsageError(
      `Invalid value ${largest} for --size: expected ${LARGEST_DATAGRAM} at most over UDP`,
    );
  }
  if (endpoint.transport !== "udp" && settings.maxLoss !== undefined) {
    throw new UsageError("Option --max-loss needs an endpoint udp://HOST:PORT");
  }
  if (endpoint.transport === "udp" && settings.proxyProtocol !== undefined) {
    throw new UsageError(
      "Option --proxy-protocol needs an endpoint with connections: " +
        "tcp://, tls:// or unix://",
    );
  }
  if (endpoint.transport !== "tls") {
    for (
      const [name, value] of Object.entries({
        "tls-ca": settings.tlsCa,
        insecure: settings.insecure,
      })
    ) {
      if (value === undefined || value === false) continue;
      throw new UsageError(
        `Option --${name} needs an endpoint tls://HOST:PORT`,
      );
    }
  }
  if (settings.tlsCa !== undefined && settings.insecure) {
    throw new UsageError(
      "Options --tls-ca and --insecure are given: one of them is accepted",
    );
  }
  if (workers > connections) {
    throw new UsageError(
      `Invalid value ${workers} for --workers: expected at most one for each of ${connections} connections`,
    );
  }
}

function readMessageSizes(text: string): readonly [number, number] | undefined {
  const sizes = readSizes(text);
  return sizes && sizes[1] <= LARGEST ? sizes : undefined;
}

/** The option of a setting: `--max-p99` of `maxP99`. */
function optionOf(name: string): string {
  return `--${name.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)}`;
}

function readRate(text: string): number | undefined {
  return /^\d+(\.\d+)?$/.test(text) && Number(text) || undefined;
}

function readVersion(text: string): 1 | 2 | undefined {
  return text === "1" ? 1 : text === "2" ? 2 : undefined;
}

function readPercent(text: string): number | undefined {
  const value = /^\d+(\.\d+)?%?$/.test(text) ? parseFloat(text) : NaN;
  return value <= 100 ? value : undefined;
}

function readPercentiles(text: string): readonly number[] | undefined {
  const percents = text.split(",").map((part) => readPercent(part) ?? NaN);
  const isRight = percents.length <= 20 &&
    percents.every((percent) => percent > 0 && percent < 100);
  return isRight ? percents : undefined;
}
