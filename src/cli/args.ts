import {
  FROM_1,
  readFrom1,
  readGiven,
  readSomeTime,
  readTime,
  readWhole,
  SOME_TIME,
  TIME,
  UsageError,
} from "./given.ts";

/** How the command line is used. */
export const HELP = `Usage: echod [OPTIONS]

A TCP echo server: sends back what it is sent.

Options:
  -H, --hostname HOST        address to listen on (127.0.0.1; :: is every address)
  -p, --port PORT            port to listen on (3000); 0 takes any free one
      --once                 serve one connection, then end
  -c, --max-connections N    serve at most N connections at the same time
      --idle-timeout TIME    close connections over which nothing moves for so long
      --grace TIME           how long a shutdown waits for open connections (10s)
  -v, --verbose              a line when a connection opens and when it closes
      --log-format FORMAT    text or json (text)
  -q, --quiet                errors only
  -h, --help                 show this help
  -V, --version              show the version

TIME is a number with a unit: 500ms, 30s, 5m, 1h. Log lines go to standard error.
`;

/** What the command line asks for. */
export interface Settings {
  readonly hostname: string;
  readonly port: number;
  readonly once: boolean;
  readonly maxConnections?: number | undefined;
  /** Milliseconds. */
  readonly idleTimeout?: number | undefined;
  /** Milliseconds. */
  readonly grace: number;
  readonly verbose: boolean;
  readonly logFormat: "text" | "json";
  readonly quiet: boolean;
  readonly help: boolean;
  readonly version: boolean;
}

const VALUES = [
  "hostname",
  "port",
  "max-connections",
  "idle-timeout",
  "grace",
  "log-format",
] as const;
const SWITCHES = ["once", "verbose", "quiet", "help", "version"] as const;
const ALIAS = {
  hostname: "H",
  port: "p",
  "max-connections": "c",
  verbose: "v",
  quiet: "q",
  help: "h",
  version: "V",
};
/** Reads the command line. Throws a {@linkcode UsageError} where it is wrong. */
export function readArgs(args: readonly string[]): Settings {
  const { isOn, valueOf } = readGiven(args, {
    values: VALUES,
    switches: SWITCHES,
    alias: ALIAS,
  });
  const settings = {
    hostname: valueOf("hostname", "a host name or an IP address", readHost) ??
      "127.0.0.1",
    port: valueOf(
      "port",
      "a whole number from 0 to 65535",
      (text) => readWhole(text, 0, 65535),
    ) ??
      3000,
    once: isOn("once"),
    maxConnections: valueOf(
      "max-connections",
      FROM_1,
      readFrom1,
    ),
    idleTimeout: valueOf(
      "idle-timeout",
      SOME_TIME,
      readSomeTime,
    ),
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
  return settings;
}

function readHost(text: string): string {
  return text.replace(/^\[(.*)\]$/, "$1");
}

function readFormat(text: string): "text" | "json" | undefined {
  return text === "text" || text === "json" ? text : undefined;
}
