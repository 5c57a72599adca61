import type { Addr, FdAddr } from "../core/transport.ts";

export { formatAddr, formatEndpoint, isAbstract } from "../core/format_addr.ts";

/** The forms of an endpoint that can be connected to, and the one that cannot. */
const PLAIN = [
  "tcp://HOST:PORT",
  "tls://HOST:PORT",
  "udp://HOST:PORT",
  "unix:///PATH",
  "unix:@NAME",
];
const INHERITED = "fd://N";

/** Reports whether an argument is meant as an endpoint, right or wrong. */
export function looksLikeEndpoint(arg: string): boolean {
  return /^\w+:\/\/|^unix:@/.test(arg);
}

/** A parameter of an endpoint. One without `=` has no value. */
export type Parameter = readonly [name: string, value: string | undefined];

/** A parsed endpoint. */
export interface Endpoint {
  /** The whole URL, as it was given. */
  readonly url: string;
  /** The address, or the descriptor of a socket that has one. */
  readonly addr: Addr | FdAddr;
  /** The parameters, in the order in which they stand in the URL. */
  readonly parameters: readonly Parameter[];
}

/**
 * Parses a URL, `ADDRESS` or `ADDRESS?NAME=VALUE&NAME&…`. The first `?` ends the
 * address, so the path of a Unix socket in a URL contains none. Nothing is
 * percent-encoded: `share=10%` means what it says.
 *
 * @throws {SyntaxError} It says what was expected.
 */
export function parseEndpoint(url: string): Endpoint {
  return parse(url, [...PLAIN, INHERITED]);
}

function parse(url: string, forms: readonly string[]): Endpoint {
  const [, address = "", query] = /^([^?]*)(?:\?(.*))?$/s.exec(url) ?? [];
  return {
    url,
    addr: parseAddr(address, url, forms),
    parameters: query === undefined
      ? []
      : query.split("&").map((text) => parseParameter(text, url)),
  };
}

/** Parses a URL to connect to, which has no parameters. Throws a SyntaxError otherwise. */
export function parsePlainEndpoint(url: string): Addr {
  const { addr, parameters } = parse(url, PLAIN);
  if (addr.transport === "fd") {
    throw invalid(url, "no fd://, which is for the server's endpoints");
  }
  if (parameters.length > 0) {
    throw invalid(url, "no parameters, which are for the server's endpoints");
  }
  if ("port" in addr && addr.port === 0) {
    throw invalid(url, "a port from 1 to 65535");
  }
  return addr;
}

function invalid(url: string, expected: string): SyntaxError {
  return new SyntaxError(
    `Invalid endpoint ${JSON.stringify(url)}: expected ${expected}`,
  );
}

function parseParameter(text: string, url: string): Parameter {
  const [, name = "", value] = /^([^=]*)(?:=(.*))?$/s.exec(text) ?? [];
  if (name !== "") return [name, value];
  throw invalid(url, "parameters such as NAME=VALUE, with & between them");
}

/** Parses an address; `tcp://:3000` is every address of the machine. */
function parseAddr(
  text: string,
  url: string,
  forms: readonly string[],
): Addr | FdAddr {
  const fail = (expected: string) => invalid(url, expected);
  if (text.startsWith("unix:@")) {
    if (!/^unix:@[^\0]+$/.test(text)) throw fail("unix:@NAME, a socket's name");
    return { transport: "unix", path: text.replace("unix:@", "\0") };
  }
  const [, scheme, rest = ""] = /^(\w+):\/\/(.*)$/s.exec(text) ?? [];
  if (scheme === "unix") {
    if (!/^\/.*[^/]$/s.test(rest)) throw fail("unix:///PATH, a file's path");
    return { transport: scheme, path: rest };
  }
  if (scheme === "fd") {
    if (!/^\d{1,9}$/.test(rest)) throw fail("fd://N, a descriptor's number");
    return { transport: scheme, fd: Number(rest) };
  }
  if (scheme !== "tcp" && scheme !== "tls" && scheme !== "udp") {
    throw fail(`${forms.slice(0, -1).join(", ")} or ${forms.at(-1)}`);
  }

  const [, bracketed, plain, digits, tail] =
    /^(?:\[([^\]]*)\]|([^:/]*))(?::(\d+))?(.*)$/s.exec(rest) ?? [];
  if (digits === undefined) throw fail(`${scheme}://HOST:PORT, with a port`);
  if (tail) throw fail(`${scheme}://HOST:PORT, and nothing after the port`);
  const port = Number(digits);
  if (port > 65535) throw fail("a port from 0 to 65535");
  return { transport: scheme, hostname: bracketed || plain || "::", port };
}

/** Reports whether several sockets can share an address. UDP cannot, on Deno for one. */
export function canBeShared({ transport }: Addr | FdAddr): boolean {
  return transport === "tcp" || transport === "tls";
}
