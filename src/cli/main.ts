import config from "../../deno.json" with { type: "json" };
import { combine } from "../combine.ts";
import { formatAddr, formatEndpoint } from "../endpoint.ts";
import { isLoopback } from "../ip.ts";
import { loadRuntime, type Runtime } from "../runtime.ts";
import { serve } from "../server.ts";
import type { Addr, Listener } from "../transport.ts";
import { makeAdmit } from "./access.ts";
import { openAll } from "./endpoints.ts";
import { HELP, readArgs, type Settings, UsageError } from "./args.ts";
import { formatBytes, formatCount, formatTime } from "./format.ts";
import { Log } from "./log.ts";
import { writeText } from "./output.ts";

/** The program: reads the command line, serves until a signal comes, ends with an exit code. */
export async function main(): Promise<void> {
  const runtime = await loadRuntime();
  runtime.exit(await run(runtime));
}

async function run(runtime: Runtime): Promise<number> {
  let settings: Settings;
  try {
    settings = readArgs(runtime.args);
  } catch (error) {
    if (!(error instanceof UsageError)) throw error;
    await writeText(runtime.stderr, `${error.message}\n`);
    return 2;
  }
  if (settings.help) {
    await writeText(runtime.stdout, HELP);
    return 0;
  }
  if (settings.version) {
    const version = `echod ${config.version} (${runtime.name})\n`;
    await writeText(runtime.stdout, version);
    return 0;
  }

  await using log = new Log(runtime.stderr, {
    format: settings.logFormat,
    level: settings.verbose ? "debug" : settings.quiet ? "error" : "info",
    colour: runtime.stderr.isTerminal() && !runtime.noColor,
  });
  let listeners: Listener[];
  try {
    listeners = await openAll(settings);
  } catch (error) {
    log.error(messageOf(error));
    return 1;
  }
  await serveUntilSignal(runtime, listeners, settings, log);
  return 0;
}

async function serveUntilSignal(
  runtime: Runtime,
  listeners: readonly Listener[],
  settings: Settings,
  log: Log,
): Promise<void> {
  const { once, allow, deny, grace } = settings;
  const isFiltered = allow.length > 0 || deny.length > 0;
  const admit = isFiltered ? await makeAdmit(allow, deny) : undefined;
  const startedAt = performance.now();
  const server = serve(combine(listeners), {
    maxConnections: once ? 1 : settings.maxConnections,
    maxConnectionsPerHost: settings.maxPerHost,
    idleTimeout: settings.idleTimeout,
    maxLifetime: settings.maxLifetime,
    maxBytes: settings.maxBytes,
    admit,
    onRefuse(remoteAddr, reason) {
      const remote = formatAddr(remoteAddr);
      const text = `${remote} refused (${reason})`;
      log.write("debug", "refused", text, { remote, reason });
    },
    onOpen({ id, remoteAddr }) {
      const remote = formatAddr(remoteAddr);
      log.write("debug", "open", `#${id} ${remote} opened`, { id, remote });
      if (once) server.shutdown();
    },
    onClose({ id, remoteAddr, bytes, duration, reason }) {
      const remote = formatAddr(remoteAddr);
      const what = `${formatBytes(bytes)} echoed in ${formatTime(duration)}`;
      log.write(
        "debug",
        "close",
        `#${id} ${remote} closed (${reason}): ${what}`,
        {
          id,
          remote,
          bytes,
          durationMs: Math.round(duration),
          reason,
        },
      );
    },
    onError(error, connection) {
      // A connection's own error is its client's affair: its reason says it.
      if (connection) return;
      log.error(`Cannot accept connections for now: ${messageOf(error)}`);
    },
  });
  let signals = 0;
  const ignoreSignals = runtime.onSignal(() => {
    if (++signals > 1) {
      // The next one ends the process in the system's own way.
      ignoreSignals();
      server.shutdown({ grace: 0 });
      return;
    }
    const connections = server.stats().active;
    server.shutdown({ grace });
    if (connections === 0) return;
    log.write(
      "info",
      "drain",
      `Draining ${formatCount(connections, "connection")} ` +
        `(${formatTime(grace)} at most; press Ctrl+C again to stop now)`,
      { connections, graceMs: grace },
    );
  });
  // Only now: whoever reads this line may send a signal at once.
  for (const { addr } of listeners) {
    const endpoint = formatEndpoint(addr);
    log.write("info", "listening", `Listening on ${endpoint}`, { endpoint });
  }
  const exposed = listeners.map(({ addr }) => addr).find(isExposed);
  const limits = limitsOf(settings);
  if (exposed && !Object.values(limits).some(Boolean)) {
    const endpoint = formatEndpoint(exposed);
    const options = Object.keys(limits);
    log.write(
      "warn",
      "unlimited",
      `Anybody who can reach ${endpoint} is served without a limit: see ${
        options.join(", ")
      }`,
      { endpoint, options },
    );
  }

  await server.finished;
  ignoreSignals();

  const stats = server.stats();
  const { accepted: connections, refused, failed, bytes, datagrams } = stats;
  const duration = performance.now() - startedAt;
  const received = datagrams
    ? `${formatCount(datagrams.echoed, "datagram")} ` +
      `(${datagrams.dropped} dropped), `
    : "";
  log.write(
    "info",
    "terminated",
    `Server terminated: ${formatCount(connections, "connection")}, ` +
      (refused > 0 ? `${refused} refused, ` : "") +
      `${received}${formatBytes(bytes)} echoed in ${formatTime(duration)}`,
    {
      connections,
      refused,
      failed,
      bytes,
      ...(datagrams && {
        datagrams: datagrams.echoed,
        datagramsDropped: datagrams.dropped,
      }),
      durationMs: Math.round(duration),
    },
  );
}

/** Whether others than this machine can connect to an address. */
function isExposed(addr: Addr): boolean {
  return addr.transport !== "udp" && "hostname" in addr &&
    !isLoopback(addr.hostname);
}

/** What keeps strangers within bounds, by the name of its option. */
function limitsOf(settings: Settings): Record<string, unknown> {
  return {
    "--max-connections": settings.once || settings.maxConnections,
    "--max-per-host": settings.maxPerHost,
    "--idle-timeout": settings.idleTimeout,
    "--max-lifetime": settings.maxLifetime,
    "--max-bytes": settings.maxBytes,
    "--allow": settings.allow.length,
    "--deny": settings.deny.length,
  };
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
