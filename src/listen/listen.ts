import { formatEndpoint } from "../core/format_addr.ts";
import { combine } from "../core/combine.ts";
import { checkNames } from "../core/check_names.ts";
import { codeOf, explain } from "../core/error_message.ts";
import { isEverywhere } from "../core/ip.ts";
import { loadRuntime } from "../runtimes/detect.ts";
import { addressesToBind } from "../runtimes/resolve.ts";
import type {
  FdBindOptions,
  TcpBindOptions,
  TlsBindOptions,
  UnixBindOptions,
} from "../runtimes/runtime.ts";
import type { DatagramFaults, StreamFaults } from "../core/fault_options.ts";
import type {
  BoundListener,
  FdListenOptions,
  Listener,
  ListenOptions,
  NetAddr,
  Pem,
  TcpListenOptions,
  TlsListenOptions,
  UdpListenOptions,
  UnixAddr,
  UnixListenOptions,
} from "../core/transport.ts";
import type { PemNames, PemText } from "./pem.ts";
import type { UdpBindOptions } from "./udp.ts";

/**
 * The number of connections that may wait to be accepted. The usual few hundred
 * overflow in a burst, and each dropped connection costs its client a second. The
 * system lowers the number to its own limit.
 */
const BACKLOG = 4096;

/** The time that a client has for its TLS handshake, in milliseconds. */
const HANDSHAKE_TIMEOUT = 10_000;

/** The largest number of a descriptor. */
const MOST_DESCRIPTORS = 2 ** 31 - 1;

/** The number of attempts to find a port that is free on all addresses of a name. */
const PORT_ATTEMPTS = 10;

/**
 * Binds a socket, for TCP unless the options name another transport. TCP
 * connections have `TCP_NODELAY` and keep-alive set.
 *
 * @example
 * ```ts
 * import { listen } from "@echod/echod";
 *
 * const listener = await listen({ hostname: "127.0.0.1", port: 0 });
 * console.log(listener.addr);
 * listener.close();
 * ```
 *
 * @example A Unix socket for a group of users
 * ```ts
 * import { listen } from "@echod/echod";
 *
 * const listener = await listen({
 *   transport: "unix",
 *   path: "echod.sock",
 *   mode: 0o660,
 * });
 * listener.close();
 * ```
 *
 * @example A socket that a supervisor has passed on, such as systemd
 * ```ts ignore
 * import { listen } from "@echod/echod";
 *
 * const listener = await listen({ fd: 3 });
 * console.log(listener.addr);
 * ```
 *
 * @returns A promise of the bound listener. It rejects with an Error that names
 * the address and the reason if binding fails, with the runtime's error as its
 * `cause` and the POSIX name of an error of the system as its `code`; with a
 * TypeError if an option has the wrong type, and with a RangeError if one is out
 * of range.
 */
export function listen(
  options?: TcpListenOptions | TlsListenOptions | UdpListenOptions,
): Promise<BoundListener<NetAddr>>;
/** Takes over a socket that listens already. */
export function listen(options: FdListenOptions): Promise<BoundListener>;
/** Binds a Unix socket. */
export function listen(
  options: UnixListenOptions,
): Promise<BoundListener<UnixAddr>>;
/** Binds a socket for the transport in the options. */
export function listen(options?: ListenOptions): Promise<BoundListener>;
export async function listen(
  options: ListenOptions = {},
): Promise<BoundListener> {
  const listener = combine(await listenAll(options));
  return Object.assign(listener, {
    [Symbol.dispose]: () => listener.close(),
  });
}

/**
 * As {@linkcode listen}, with a listener for each address of a loopback name.
 *
 * @param names What an error calls certificate and key, where they are files.
 */
export async function listenAll(
  options: ListenOptions,
  names: PemNames = { cert: "cert", key: "key" },
): Promise<readonly Listener[]> {
  const endpoint = complete(options);
  // Before anything is bound, because they reject if an option is wrong.
  const reading = await loadProxy(options);
  const misbehaving = await loadFaults(options, endpoint.transport);
  try {
    const listeners = await bindName(await checkTls(endpoint, names));
    return listeners.map(reading).map(misbehaving);
  } catch (thrown) {
    const cause = await realReason(thrown, endpoint);
    const url = formatEndpoint(endpoint);
    const why = explain(cause, reasonsFor(endpoint));
    const error = new Error(`Cannot listen on ${url}: ${why}`, { cause });
    const code = codeOf(cause);
    throw code === undefined ? error : Object.assign(error, { code });
  }
}

/** Returns what makes listeners read PROXY headers, or leaves them as they are. */
async function loadProxy(
  options: ListenOptions,
): Promise<(listener: Listener) => Listener> {
  const proxy = "proxy" in options ? options.proxy : undefined;
  if (proxy === undefined) return (listener) => listener;
  const { makeTrust, ProxyListener } = await import("./proxy_listener.ts");
  const trusts = await makeTrust(proxy);
  return (listener) => new ProxyListener(listener, trusts);
}

/**
 * Returns what makes the connections of a listener misbehave, or leaves them as they
 * are; also for UDP, where it is the socket itself that does. Rejects if the faults
 * are invalid.
 */
async function loadFaults(
  options: ListenOptions,
  transport: Endpoint["transport"],
): Promise<(listener: Listener) => Listener> {
  const faults: StreamFaults & DatagramFaults | undefined = options.faults;
  if (faults === undefined) return (listener) => listener;
  const { checkDatagramFaults, checkStreamFaults } = await import(
    "../faults/check_faults.ts"
  );
  if (transport === "udp") {
    checkDatagramFaults(faults);
    return (listener) => Object.assign(listener, { faults: { ...faults } });
  }
  checkStreamFaults(faults);
  if (transport === "unix" && faults.reset !== undefined) {
    throw new TypeError("Invalid faults: a Unix socket has no reset");
  }
  const { faultyListener } = await import("../faults/faulty_listener.ts");
  return (listener) => faultyListener(listener, faults);
}

/** Finds the reason of a failed look-up, which the runtimes do not all tell. */
async function realReason(
  error: unknown,
  endpoint: UncheckedEndpoint,
): Promise<unknown> {
  if (!("hostname" in endpoint)) return error;
  const { withLookup } = await import("../runtimes/lookup_error.ts");
  return await withLookup(error, endpoint.hostname);
}

/** Reasons that differ by endpoint, by POSIX name. */
function reasonsFor(
  endpoint: UncheckedEndpoint,
): Readonly<Record<string, string>> {
  if (!("port" in endpoint)) return {};
  if (endpoint.port === 0 || endpoint.port >= 1024) return {};
  return {
    EACCES: "permission denied (ports below 1024 are for privileged users)",
  };
}

/** Complete and checked options. */
type Endpoint =
  | TcpBindOptions
  | TlsBindOptions
  | UdpBindOptions
  | UnixBindOptions & { readonly mode: number }
  | Omit<FdBindOptions, "path"> & { readonly resets: boolean };

/** The same, with certificate and key as they are given. */
type UncheckedEndpoint =
  | Exclude<Endpoint, TlsBindOptions>
  | Omit<TlsBindOptions, "cert" | "key"> & {
    readonly cert: PemText;
    readonly key: PemText;
  };

/** The options of each transport. */
const OPTIONS = {
  tcp: [
    "transport",
    "hostname",
    "port",
    "reusePort",
    "resets",
    "faults",
    "proxy",
  ],
  tls: [
    "transport",
    "hostname",
    "port",
    "reusePort",
    "resets",
    "faults",
    "proxy",
    "cert",
    "key",
  ],
  udp: ["transport", "hostname", "port", "anySource", "faults"],
  unix: ["transport", "path", "mode", "faults", "proxy"],
  fd: ["fd", "faults", "proxy"],
} as const satisfies {
  tcp: (keyof TcpListenOptions)[];
  tls: (keyof TlsListenOptions)[];
  udp: (keyof UdpListenOptions)[];
  unix: (keyof UnixListenOptions)[];
  fd: (keyof FdListenOptions)[];
};

/** Options that only one transport has, by which a missing `transport` is noticed. */
const TELLING = { path: "unix", cert: "tls", anySource: "udp" } as const;

/** Checks that each option is one of its transport. */
function checkKeys(options: ListenOptions): void {
  const action = "Cannot listen";
  if (typeof options === "number") {
    throw new TypeError(
      `${action} on ${options}: write listen({ port: ${options} })`,
    );
  }
  const { transport = "tcp", ...others } = options ?? {};
  if ("fd" in others) {
    const given = options.transport === undefined ? others : options;
    return checkNames(action, given, OPTIONS.fd);
  }
  if (!Object.hasOwn(OPTIONS, transport)) {
    throw new TypeError(
      `${action}: transport must be "tcp", "tls", "udp" or "unix", but is ${transport}`,
    );
  }
  for (const [name, needed] of Object.entries(TELLING)) {
    if (name in others && !("transport" in options)) {
      throw new TypeError(
        `${action}: ${name} needs the option transport: "${needed}"`,
      );
    }
  }
  checkNames(action, options, OPTIONS[transport]);
}

function complete(options: ListenOptions): UncheckedEndpoint {
  checkKeys(options);
  if ("fd" in options) {
    const { fd, faults } = options;
    checkWhole("fd", fd, MOST_DESCRIPTORS);
    return { transport: "fd", fd, resets: faults?.reset !== undefined };
  }
  if (options.transport === "unix") {
    const { transport, path, mode = 0o600 } = options;
    checkText("path", path);
    checkWhole("mode", mode, 0o777);
    return { transport, path, mode };
  }
  const { hostname: given = "127.0.0.1", port = 3000 } = options;
  checkText("hostname", given);
  // As in a URL, where an IPv6 address has brackets.
  const hostname = given.replace(/^\[(.*)\]$/, "$1");
  checkWhole("port", port, 65535);
  switch (options.transport) {
    case undefined:
    case "tcp": {
      const { reusePort = false, resets = false, faults } = options;
      checkSwitch("reusePort", reusePort);
      checkSwitch("resets", resets);
      return {
        transport: "tcp",
        hostname,
        port,
        reusePort,
        resets: resets || faults?.reset !== undefined,
      };
    }
    case "tls": {
      const { transport, cert, key, faults } = options;
      const { reusePort = false, resets = false } = options;
      checkPemType("cert", cert);
      checkPemType("key", key);
      checkSwitch("reusePort", reusePort);
      checkSwitch("resets", resets);
      const handshakeTimeout = HANDSHAKE_TIMEOUT;
      const plainFirst = options.proxy !== undefined;
      return {
        transport,
        hostname,
        port,
        reusePort,
        resets: resets || faults?.reset !== undefined,
        cert,
        key,
        handshakeTimeout,
        plainFirst,
      };
    }
    case "udp": {
      const { transport, anySource = false, faults } = options;
      checkSwitch("anySource", anySource);
      return { transport, hostname, port, anySource, faults };
    }
  }
}

/** Checks certificate and key, if the endpoint has them. */
async function checkTls(
  endpoint: UncheckedEndpoint,
  names: PemNames,
): Promise<Endpoint> {
  if (endpoint.transport !== "tls") return endpoint;
  const { checkPem } = await import("./pem.ts");
  return { ...endpoint, ...checkPem(endpoint.cert, endpoint.key, names) };
}

/** Binds the addresses of a name, all on the same port. */
async function bindName(endpoint: Endpoint): Promise<readonly Listener[]> {
  if (!("hostname" in endpoint)) return [await bind(endpoint)];
  const { hostname, port } = endpoint;
  const addresses = await addressesToBind(hostname);
  for (let attempt = 1;; attempt++) {
    try {
      return await bindAll(endpoint, addresses);
    } catch (error) {
      const again = port === 0 && addresses.length > 1;
      if (!again || attempt === PORT_ATTEMPTS) throw error;
    }
  }
}

/** Binds all the addresses, or none; those of IPv6 only where there is IPv6. */
async function bindAll(
  endpoint: Extract<Endpoint, { readonly hostname: string }>,
  addresses: readonly string[],
): Promise<readonly Listener[]> {
  const listeners: Listener[] = [];
  let { port } = endpoint;
  try {
    for (const hostname of addresses) {
      if (hostname.includes(":") && addresses.length > 1) {
        const { hasNoIpv6 } = await import("./no_ipv6.ts");
        if (await hasNoIpv6()) continue;
      }
      const listener = await bindEverywhere({ ...endpoint, hostname, port });
      listeners.push(listener);
      if ("port" in listener.addr) port = listener.addr.port;
    }
  } catch (error) {
    for (const listener of listeners) listener.close();
    throw error;
  }
  return listeners;
}

/** Binds. Without IPv6, `::` is `0.0.0.0`. */
async function bindEverywhere(endpoint: Endpoint): Promise<Listener> {
  try {
    return await bind(endpoint);
  } catch (error) {
    if (!("hostname" in endpoint) || endpoint.hostname !== "::") throw error;
    const { hasNoIpv6 } = await import("./no_ipv6.ts");
    if (!await hasNoIpv6()) throw error;
    return await bind({ ...endpoint, hostname: "0.0.0.0" });
  }
}

/** Binds a socket. Modules that most endpoints do without are loaded when needed. */
async function bind(endpoint: Endpoint): Promise<Listener> {
  if ("reusePort" in endpoint && endpoint.reusePort) {
    const platform = await findPlatform();
    if (platform !== "linux") {
      throw new Error(`only Linux can share a port, and this is ${platform}`);
    }
  }
  if (endpoint.transport === "udp") {
    if (isEverywhere(endpoint.hostname)) {
      const { listenUdpEverywhere } = await import("./udp_everywhere.ts");
      return await listenUdpEverywhere(endpoint);
    }
    const { listenUdp } = await import("./udp.ts");
    return await listenUdp(endpoint);
  }
  const runtime = await loadRuntime();
  if (endpoint.transport === "tls") {
    const pem = { cert: endpoint.cert, key: endpoint.key };
    const open = (pem: Pem, place: Partial<TlsBindOptions> = {}) =>
      runtime.listen({ ...endpoint, ...place, ...pem, backlog: BACKLOG });
    const isReplaceable = !runtime.reloads(endpoint) && runtime.sharesPorts &&
      await findPlatform() === "linux";
    if (!isReplaceable) return await open(pem);
    const { listenReplaceable } = await import("./replaceable_certificate.ts");
    return await listenReplaceable(pem, endpoint, open);
  }
  if (endpoint.transport === "fd") {
    const { transport, fd, resets } = endpoint;
    const { listenInherited } = await import("./inherited.ts");
    const listener = await listenInherited(
      fd,
      (path) => runtime.listen({ transport, fd, path, backlog: BACKLOG }),
    );
    if (resets && listener.addr.transport === "unix") {
      listener.close();
      throw new Error("it is a Unix socket, which has no fault reset");
    }
    return listener;
  }
  if (endpoint.transport === "unix") {
    const { listenUnix } = await import("./unix.ts");
    const { transport, path, mode } = endpoint;
    return await listenUnix(
      path,
      mode,
      (path) => runtime.listen({ transport, path, backlog: BACKLOG }),
    );
  }
  return await runtime.listen({ ...endpoint, backlog: BACKLOG });
}

async function findPlatform(): Promise<string> {
  return (await import("node:process")).default.platform;
}

function checkText(name: string, value: unknown): void {
  if (typeof value === "string" && value !== "") return;
  throw new TypeError(
    `Cannot listen: ${name} must be a string that is not empty, but is ${value}`,
  );
}

/** Checks that it is text or bytes, and never says what they are. */
function checkPemType(name: string, value: unknown): void {
  if (typeof value === "string" || ArrayBuffer.isView(value)) return;
  throw new TypeError(
    `Cannot listen: ${name} must be a string or a Uint8Array`,
  );
}

function checkSwitch(name: string, value: unknown): void {
  if (typeof value === "boolean") return;
  throw new TypeError(
    `Cannot listen: ${name} must be true or false, but is ${value}`,
  );
}

function checkWhole(name: string, value: number, most: number): void {
  if (!Number.isInteger(value)) {
    throw new TypeError(
      `Cannot listen: ${name} must be a whole number, but is ${value}`,
    );
  }
  if (value < 0 || value > most) {
    throw new RangeError(
      `Cannot listen: ${name} must be 0 to ${most}, but is ${value}`,
    );
  }
}
