import { canBeShared, parseEndpoint } from "../endpoint.ts";
import { LONGEST_TIME } from "../server.ts";
import type { Addr } from "../transport.ts";
import { NETWORK, type Network, readNetwork } from "./access.ts";
import { parseArgs } from "./parse_args.ts";
import { readSize, SIZE } from "./size.ts";

/** How the command line is used. */
export const HELP = `Usage: echod [OPTIONS] [ENDPOINT...]

An echo server: sends back what it is sent.

Endpoints (instead of --hostname and --port; served together):
  tcp://HOST:PORT            tcp://:PORT is every address
  tls://HOST:PORT            with --tls-cert and --tls-key
  udp://HOST:PORT
  unix:///PATH

Options:
  -H, --hostname HOST        address to listen on (127.0.0.1; :: is every address)
  -p, --port PORT            port to listen on (3000); 0 takes any free one
      --tls-cert FILE        certificate of the tls:// endpoints, in PEM
      --tls-key FILE         its private key, in PEM
      --unix-mode MODE       mode of the unix:// sockets' files, in octal (0600)
      --udp-any-source       answer any source of a datagram, echo services too
      --workers N|auto       serve in N threads (1); auto: one for each core
      --once                 serve one connection, then end
  -c, --max-connections N    serve at most N connections at the same time
      --max-per-host N       … and N of one host (an IPv6 /64 is one); refuse others
      --idle-timeout TIME    close connections over which nothing moves for so long
      --max-lifetime TIME    close connections that have been open for so long
      --max-bytes SIZE       close connections that have echoed so much
      --allow CIDR           refuse clients from elsewhere; may be repeated
      --deny CIDR            refuse clients from there; may be repeated
      --grace TIME           how long a shutdown waits for open connections (10s)
  -v, --verbose              a line when a connection opens and when it closes
      --log-format FORMAT    text or json (text)
  -q, --quiet                errors only
  -h, --help                 show this help
  -V, --version              show the version

TIME is a number with a unit: 500ms, 30s, 5m, 1h. SIZE is a number of bytes, or
one with a unit: 4KiB, 1MiB. CIDR is a network, 10.0.0.0/8 or 2001:db8::/32, or an
address; the most specific one decides. Log lines go to standard error.
`;

/** What the command line asks for. */
export interface Settings {
  /** Where to listen: at least one. */
  readonly endpoints: readonly Addr[];
  /** The path of a file. */
  readonly tlsCert?: string | undefined;
  /** The path of a file. */
  readonly tlsKey?: string | undefined;
  readonly unixMode?: number | undefined;
  readonly udpAnySource: boolean;
  /** How many threads. */
  readonly workers: number;
  readonly once: boolean;
  readonly maxConnections?: number | undefined;
  readonly maxPerHost?: number | undefined;
  /** Milliseconds. */
  readonly idleTimeout?: number | undefined;
  /** Milliseconds. */
  readonly maxLifetime?: number | undefined;
  /** Bytes. */
  readonly maxBytes?: number | undefined;
  readonly allow: readonly Network[];
  readonly deny: readonly Network[];
  /** Milliseconds. */
  readonly grace: number;
  readonly verbose: boolean;
  readonly logFormat: "text" | "json";
  readonly quiet: boolean;
  readonly help: boolean;
  readonly version: boolean;
}

/** The command line is wrong; the message says where, and what would be right. */
export class UsageError extends Error {}

const VALUES = [
  "hostname",
  "port",
  "tls-cert",
  "tls-key",
  "unix-mode",
  "workers",
  "max-connections",
  "max-per-host",
  "idle-timeout",
  "max-lifetime",
  "max-bytes",
  "allow",
  "deny",
  "grace",
  "log-format",
] as const;
const SWITCHES = [
  "udp-any-source",
  "once",
  "verbose",
  "quiet",
  "help",
  "version",
] as const;
const ALIAS = {
  hostname: "H",
  port: "p",
  "max-connections": "c",
  verbose: "v",
  quiet: "q",
  help: "h",
  version: "V",
};
const UNITS: ReadonlyMap<string, number> = new Map([
  ["ms", 1],
  ["s", 1_000],
  ["m", 60_000],
  ["h", 3_600_000],
]);
const TIME =
  "a number with a unit, such as 500ms, 30s, 5m or 1h (596h at most)";

const SOME_TIME = `${TIME}, more than 0`;
const FROM_1 = "a whole number from 1";

/** Reads the command line. Throws a {@linkcode UsageError} where it is wrong. */
export function readArgs(args: readonly string[]): Settings {
  // @std/cli would take an endpoint that follows a switch for the switch's value.
  const isEndpoint = (arg: string) => /^\w+:\/\//.test(arg);
  const endpoints = args.filter(isEndpoint).map(readEndpoint);
  const given = parseArgs(args.filter((arg) => !isEndpoint(arg)), {
    string: VALUES,
    // Collected, so that a repeated option shows.
    collect: [...VALUES, ...SWITCHES],
    alias: ALIAS,
    // Not told which options are switches, @std/cli lets a value given to one
    // show instead of dropping it; so they come here too.
    unknown: (arg, name) => isSwitch(name) || reject(arg),
  });
  given._.forEach((arg) => reject(String(arg)));

  function all(name: string): unknown[] {
    const values = given[name];
    return Array.isArray(values) ? values : [];
  }

  function once(name: string): unknown {
    const [value, ...others] = all(name);
    if (others.length === 0) return value;
    throw new UsageError(
      `Option --${name} is given ${others.length + 1} times: once is accepted`,
    );
  }

  function isOn(name: typeof SWITCHES[number]): boolean {
    const value = once(name);
    if (value === undefined || value === true) return value === true;
    throw new UsageError(
      `Invalid value ${
        JSON.stringify(String(value))
      } for --${name}: it takes none`,
    );
  }

  function valueOf<T>(
    name: typeof VALUES[number],
    accepted: string,
    read: (text: string) => T | undefined,
  ): T | undefined {
    const text = once(name);
    return text === undefined
      ? undefined
      : readValue(name, text, accepted, read);
  }

  function networksOf(name: "allow" | "deny"): Network[] {
    return all(name).map((text) => readValue(name, text, NETWORK, readNetwork));
  }

  const hostname = valueOf(
    "hostname",
    "a host name or an IP address",
    readHost,
  );
  const port = valueOf(
    "port",
    "a whole number from 0 to 65535",
    (text) => readWhole(text, 0, 65535),
  );
  if (endpoints.length === 0) {
    endpoints.push({
      transport: "tcp",
      hostname: hostname ?? "127.0.0.1",
      port: port ?? 3000,
    });
  } else if (hostname !== undefined || port !== undefined) {
    throw new UsageError(
      "Options --hostname and --port are for when no endpoint is given: " +
        "tcp://HOST:PORT is accepted",
    );
  }

  const settings = {
    endpoints,
    tlsCert: valueOf("tls-cert", "a file's path", readPath),
    tlsKey: valueOf("tls-key", "a file's path", readPath),
    unixMode: valueOf(
      "unix-mode",
      "an octal number from 0 to 777, such as 0660",
      readMode,
    ),
    udpAnySource: isOn("udp-any-source"),
    workers: valueOf(
      "workers",
      "a whole number from 1, or auto",
      (text) =>
        text === "auto" ? navigator.hardwareConcurrency : readFrom1(text),
    ) ?? 1,
    once: isOn("once"),
    maxConnections: valueOf("max-connections", FROM_1, readFrom1),
    maxPerHost: valueOf("max-per-host", FROM_1, readFrom1),
    idleTimeout: valueOf("idle-timeout", SOME_TIME, readSomeTime),
    maxLifetime: valueOf("max-lifetime", SOME_TIME, readSomeTime),
    maxBytes: valueOf("max-bytes", SIZE, readSize),
    allow: networksOf("allow"),
    deny: networksOf("deny"),
    grace: valueOf("grace", TIME, readTime) ?? 10_000,
    verbose: isOn("verbose"),
    logFormat: valueOf("log-format", "text or json", readFormat) ?? "text",
    quiet: isOn("quiet"),
    help: isOn("help"),
    version: isOn("version"),
  };
  if (settings.verbose && settings.quiet) {
    throw new UsageError(
      "Options --verbose and --quiet are given: one of them is accepted",
    );
  }
  checkEndpoints(settings);
  checkWorkers(settings);
  return settings;
}

/** Checks that the options have the endpoints that they are for, and these the options. */
function checkEndpoints(settings: Settings): void {
  const transports = new Set(
    settings.endpoints.map(({ transport }) => transport),
  );
  const { tlsCert, tlsKey, unixMode, udpAnySource, once } = settings;
  const needs = (name: string, url: string): never => {
    throw new UsageError(`Option --${name} needs an endpoint ${url}`);
  };
  if (transports.has("tls")) {
    if (tlsCert === undefined || tlsKey === undefined) {
      throw new UsageError(
        "An endpoint tls://HOST:PORT needs --tls-cert FILE and --tls-key FILE",
      );
    }
  } else if (tlsCert !== undefined) {
    needs("tls-cert", "tls://HOST:PORT");
  } else if (tlsKey !== undefined) {
    needs("tls-key", "tls://HOST:PORT");
  }
  if (unixMode !== undefined && !transports.has("unix")) {
    needs("unix-mode", "unix:///PATH");
  }
  if (udpAnySource && !transports.has("udp")) {
    needs("udp-any-source", "udp://HOST:PORT");
  }
  if (once && transports.size === 1 && transports.has("udp")) {
    needs("once", "with connections: tcp://, tls:// or unix://");
  }
}

/** Checks that there is something for every worker to do. */
function checkWorkers(settings: Settings): void {
  const { workers, once, endpoints, maxConnections, maxPerHost } = settings;
  if (workers === 1) return;
  if (once) {
    throw new UsageError("Option --once is for one worker: --workers 1");
  }
  if (!endpoints.some(canBeShared)) {
    throw new UsageError(
      "Option --workers needs an endpoint tcp://HOST:PORT or tls://HOST:PORT",
    );
  }
  for (
    const [name, count = workers] of Object.entries({
      "max-connections": maxConnections,
      "max-per-host": maxPerHost,
    })
  ) {
    if (count < workers) {
      throw new UsageError(
        `Option --${name} is shared out among ${workers} workers: it must be ${workers} or more`,
      );
    }
  }
}

function readValue<T>(
  name: string,
  text: unknown,
  accepted: string,
  read: (text: string) => T | undefined,
): T {
  if (text === "") {
    throw new UsageError(`Missing value for --${name}: expected ${accepted}`);
  }
  const value = read(String(text));
  if (value !== undefined) return value;
  throw new UsageError(
    `Invalid value ${JSON.stringify(text)} for --${name}: expected ${accepted}`,
  );
}

function isSwitch(name = ""): boolean {
  return SWITCHES.some((known) => known === name);
}

function reject(arg: string): never {
  const name = VALUES.find((known) => arg === `--${known}=`);
  if (!arg.startsWith("-")) readEndpoint(arg);
  throw new UsageError(
    name
      ? `Missing value for --${name}: see --help`
      : `Unknown option ${JSON.stringify(arg)}: see --help`,
  );
}

function readEndpoint(arg: string): Addr {
  try {
    return parseEndpoint(arg);
  } catch (error) {
    if (!(error instanceof SyntaxError)) throw error;
    throw new UsageError(error.message);
  }
}

function readHost(text: string): string {
  return text.replace(/^\[(.*)\]$/, "$1");
}

function readPath(text: string): string {
  return text;
}

function readMode(text: string): number | undefined {
  return /^0?[0-7]{1,3}$/.test(text) ? parseInt(text, 8) : undefined;
}

function readWhole(
  text: string,
  least: number,
  most = Number.MAX_SAFE_INTEGER,
): number | undefined {
  const value = /^\d+$/.test(text) ? Number(text) : NaN;
  return value >= least && value <= most ? value : undefined;
}

function readFrom1(text: string): number | undefined {
  return readWhole(text, 1);
}

function readSomeTime(text: string): number | undefined {
  return readTime(text) || undefined;
}

function readTime(text: string): number | undefined {
  const { count, unit = "" } =
    /^(?<count>\d+(\.\d+)?)(?<unit>[a-z]+)$/.exec(text)?.groups ?? {};
  const value = Number(count) * (UNITS.get(unit) ?? NaN);
  return value <= LONGEST_TIME ? value : undefined;
}

function readFormat(text: string): "text" | "json" | undefined {
  return text === "text" || text === "json" ? text : undefined;
}
