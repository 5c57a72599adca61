import config from "../../deno.json" with { type: "json" };
import { combine } from "../combine.ts";
import { formatAddr, formatEndpoint } from "../endpoint.ts";
import { openAll } from "./endpoints.ts";
import { loadRuntime, type Runtime } from "../runtime.ts";
import { serve } from "../server.ts";
import type { Listener } from "../transport.ts";
import { HELP, readArgs, type Settings } from "./args.ts";
import { formatBytes, formatCount, formatTime } from "./format.ts";
import { UsageError } from "./given.ts";
import { Log } from "./log.ts";

/** The program: reads the command line, serves until a signal comes, sets the exit code. */
export async function main(): Promise<void> {
  const runtime = await loadRuntime();
  runtime.setExitCode(await run(runtime));
}

async function run(runtime: Runtime): Promise<number> {
  if (runtime.args[0] === "bench") {
    const { runBench } = await import("./bench.ts");
    return await runBench(runtime, runtime.args.slice(1));
  }
  let settings: Settings;
  try {
    settings = readArgs(runtime.args);
  } catch (error) {
    if (!(error instanceof UsageError)) throw error;
    runtime.stderr.write(`${error.message}\n`);
    return 2;
  }
  if (settings.help) {
    runtime.stdout.write(HELP);
    return 0;
  }
  if (settings.version) {
    runtime.stdout.write(`echod ${config.version} (${runtime.name})\n`);
    return 0;
  }

  const log = new Log(runtime.stderr, {
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
  const { once, maxConnections, idleTimeout, grace } = settings;
  const startedAt = performance.now();
  const server = serve(combine(listeners), {
    maxConnections: once ? 1 : maxConnections,
    idleTimeout,
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

  await server.finished;
  ignoreSignals();

  const stats = server.stats();
  const { accepted: connections, failed, bytes, datagrams } = stats;
  const duration = performance.now() - startedAt;
  const received = datagrams
    ? `${formatCount(datagrams.echoed, "datagram")} ` +
      `(${datagrams.dropped} dropped), `
    : "";
  log.write(
    "info",
    "terminated",
    `Server terminated: ${formatCount(connections, "connection")}, ` +
      `${received}${formatBytes(bytes)} echoed in ${formatTime(duration)}`,
    {
      connections,
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

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
