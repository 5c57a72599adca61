import {
  canBeShared,
  type Endpoint,
  isAbstract,
} from "../../listen/endpoint.ts";
import type { EndpointSettings } from "./endpoint_settings.ts";
import { parseIp } from "../../core/ip.ts";
import { NETWORK, type Network, readNetwork } from "../../listen/networks.ts";
import {
  FROM_1,
  readCommandLine,
  readFrom1,
  readPath,
  readSomeTime,
  readTime,
  readWhole,
  SOME_TIME,
  TIME,
  UsageError,
} from "../command_line.ts";
import type { ParseArgs } from "../parse_args.ts";
import { readSize, SIZE } from "../size.ts";

/** The help text. */
export const HELP = `Usage: echod [OPTIONS] [ENDPOINT...]

An echo server: sends back what it is sent.

Endpoints (instead of --hostname and --port; served together):
  tcp://HOST:PORT            tcp://:PORT is every address
  tls://HOST:PORT            with --tls-cert and --tls-key
  udp://HOST:PORT
  unix:///PATH               unix:@NAME is an abstract socket, of Linux
  fd://N                     a listening socket that a supervisor has passed on
  tcp://:3001?delay=50ms&reset=1MiB and the like misbehave on purpose, with:
    delay jitter window corrupt share seed; over UDP drop duplicate reorder, else
    rate slice stall after reset close deaf mute

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
      --admin HOST:PORT      serve metrics, health and a live page by HTTP, apart
      --admin-host NAME      another name to ask them by; may be repeated
      --shutdown-delay TIME  how long a shutdown goes on accepting first (0s)
      --grace TIME           how long it waits then for open connections (10s)
  -v, --verbose              a line when a connection opens and when it closes
      --log-format FORMAT    text or json (text)
  -q, --quiet                errors only
  -h, --help                 show this help
  -V, --version              show the version

TIME is a number with a unit: 500ms, 30s, 5m, 1h. SIZE is a number of bytes, or
one with a unit: 4KiB, 1MiB. CIDR is a network, 10.0.0.0/8 or 2001:db8::/32, or an
address; the most specific one decides. Log lines go to standard error.
`;

/** A place to listen on. */
export interface Place {
  readonly hostname: string;
  readonly port: number;
}

/** The settings of the server. */
export interface Settings {
  /** The endpoints to listen on, at least one. */
  readonly endpoints: readonly EndpointSettings[];
  /** The path of a file. */
  readonly tlsCert?: string | undefined;
  /** The path of a file. */
  readonly tlsKey?: string | undefined;
  readonly unixMode?: number | undefined;
  readonly udpAnySource: boolean;
  /** The number of threads. */
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
  /** Where metrics, health and the live page are. */
  readonly admin?: Place | undefined;
  /** The names of that place, besides its address and `localhost`. */
  readonly adminHost: readonly string[];
  /** Milliseconds. */
  readonly shutdownDelay: number;
  /** Milliseconds. */
  readonly grace: number;
  readonly verbose: boolean;
  readonly logFormat: "text" | "json";
  readonly quiet: boolean;
}

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
  "admin",
  "admin-host",
  "shutdown-delay",
  "grace",
  "log-format",
] as const;
const SWITCHES = [
  "udp-any-source",
  "once",
  "verbose",
  "quiet",
] as const;
const ALIAS = {
  hostname: "H",
  port: "p",
  "max-connections": "c",
  verbose: "v",
  quiet: "q",
};

/** Parses the command line. Rejects with a {@linkcode UsageError} if it is invalid. */
export async function readArgs(
  args: readonly string[],
  loadParser: () => Promise<ParseArgs>,
): Promise<Settings> {
  const given = await readCommandLine(args, loadParser, {
    values: VALUES,
    switches: SWITCHES,
    alias: ALIAS,
  });
  const { isOn, valueOf, valuesOf } = given;
  const endpoints = await Promise.all(given.endpoints.map(readEndpoint));
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
      addr: {
        transport: "tcp",
        hostname: hostname ?? "127.0.0.1",
        port: port ?? 3000,
      },
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
    workers: valueOf("workers", `${FROM_1}, or auto`, readWorkers) ?? 1,
    once: isOn("once"),
    maxConnections: valueOf("max-connections", FROM_1, readFrom1),
    maxPerHost: valueOf("max-per-host", FROM_1, readFrom1),
    idleTimeout: valueOf("idle-timeout", SOME_TIME, readSomeTime),
    maxLifetime: valueOf("max-lifetime", SOME_TIME, readSomeTime),
    maxBytes: valueOf("max-bytes", SIZE, readSize),
    allow: valuesOf("allow", NETWORK, readNetwork),
    deny: valuesOf("deny", NETWORK, readNetwork),
    admin: valueOf(
      "admin",
      "HOST:PORT, or :PORT for 127.0.0.1, with a port from 0 to 65535",
      readPlace,
    ),
    adminHost: valuesOf(
      "admin-host",
      "a host name or an IP address, without a port",
      readHostName,
    ),
    shutdownDelay: valueOf("shutdown-delay", TIME, readTime) ?? 0,
    grace: valueOf("grace", TIME, readTime) ?? 10_000,
    verbose: isOn("verbose"),
    logFormat: valueOf("log-format", "text or json", readFormat) ?? "text",
    quiet: isOn("quiet"),
  };
  if (settings.verbose && settings.quiet) {
    throw new UsageError(
      "Options --verbose and --quiet are given: one of them is accepted",
    );
  }
  if (settings.adminHost.length > 0 && !settings.admin) {
    throw new UsageError("Option --admin-host needs --admin HOST:PORT");
  }
  checkEndpoints(settings);
  checkWorkers(settings);
  return settings;
}

/** Checks that each option has an endpoint to apply to, and each endpoint its options. */
function checkEndpoints(settings: Settings): void {
  const transports = new Set(
    settings.endpoints.map(({ addr }) => addr.transport),
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
  const hasFile = settings.endpoints.some(({ addr }) =>
    "path" in addr && !isAbstract(addr)
  );
  if (unixMode !== undefined && !hasFile) needs("unix-mode", "unix:///PATH");
  if (udpAnySource && !transports.has("udp")) {
    needs("udp-any-source", "udp://HOST:PORT");
  }
  if (once && transports.size === 1 && transports.has("udp")) {
    needs("once", "with connections: tcp://, tls:// or unix://");
  }
  const descriptors = settings.endpoints.flatMap(({ addr }) =>
    "fd" in addr ? [addr.fd] : []
  );
  const twice = descriptors.find((fd, index) =>
    descriptors.indexOf(fd) !== index
  );
  if (twice !== undefined) {
    throw new UsageError(
      `Endpoint fd://${twice} is given several times: once is accepted`,
    );
  }
  if (once && descriptors.length > 0) {
    throw new UsageError(
      "Options --once and fd://N are given: one of them is accepted",
    );
  }
}

/** Checks that there is work for every worker. */
function checkWorkers(settings: Settings): void {
  const { workers, once, endpoints, maxConnections, maxPerHost } = settings;
  if (workers === 1) return;
  if (once) {
    throw new UsageError("Option --once is for one worker: --workers 1");
  }
  if (endpoints.some(({ addr }) => addr.transport === "fd")) {
    // The end of a thread closes the descriptor, and no other could be started.
    throw new UsageError(
      "Options --workers and fd://N are given: one of them is accepted",
    );
  }
  if (!endpoints.some(({ addr }) => canBeShared(addr))) {
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

/** Reads what the parameters of an endpoint say, if it has any. */
async function readEndpoint(endpoint: Endpoint): Promise<EndpointSettings> {
  if (endpoint.parameters.length === 0) return { addr: endpoint.addr };
  const { readEndpointSettings } = await import("./endpoint_settings.ts");
  return readEndpointSettings(endpoint);
}

function readWorkers(text: string): number | undefined {
  return text === "auto" ? navigator.hardwareConcurrency : readFrom1(text);
}

function readHost(text: string): string {
  return text.replace(/^\[(.*)\]$/, "$1");
}

function readPlace(text: string): Place | undefined {
  const [, bracketed, plain, digits = ""] =
    /^(?:\[([\da-f:.]+)\]|([\w.-]*)):(\d+)$/i.exec(text) ?? [];
  const port = readWhole(digits, 0, 65535);
  const hostname = bracketed || plain || "127.0.0.1";
  return port === undefined ? undefined : { hostname, port };
}

function readHostName(text: string): string | undefined {
  const host = readHost(text);
  return /^[\w.-]+$/.test(host) || parseIp(host) ? host : undefined;
}

function readMode(text: string): number | undefined {
  return /^0?[0-7]{1,3}$/.test(text) ? parseInt(text, 8) : undefined;
}

function readFormat(text: string): "text" | "json" | undefined {
  return text === "text" || text === "json" ? text : undefined;
}
