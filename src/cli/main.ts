import config from "../../deno.json" with { type: "json" };
import { loadRuntime } from "../runtimes/detect.ts";
import type { Runtime } from "../runtimes/runtime.ts";
import { HELP, readArgs, type Settings } from "./serve/settings.ts";
import {
  logDrain,
  logListening,
  logReload,
  logTerminated,
  observeTo,
} from "./serve/log_events.ts";
import { UsageError } from "./command_line.ts";
import { Log } from "./serve/log.ts";
import { explain } from "../core/error_message.ts";
import { printText, tellText } from "./output.ts";
import { loadParseArgs } from "./parse_args.ts";
import { serveHere, type Serving } from "./serve/serve_here.ts";

/** Runs the program: parses the command line, serves until a signal comes, and exits. */
export async function main(): Promise<void> {
  const runtime = await loadRuntime();
  runtime.exit(await run(runtime));
}

async function run(runtime: Runtime): Promise<number> {
  if (runtime.args[0] === "bench") {
    const { runBench } = await import("./bench/run_bench.ts");
    return await runBench(runtime, runtime.args.slice(1));
  }
  let settings: Settings;
  try {
    settings = readArgs(runtime.args, await loadParseArgs());
  } catch (error) {
    if (!(error instanceof UsageError)) throw error;
    await tellText(runtime.stderr, `${error.message}\n`);
    return 2;
  }
  if (settings.help) return await printText(runtime, HELP) ? 0 : 1;
  if (settings.version) {
    const version = `echod ${config.version} (${runtime.name})\n`;
    return await printText(runtime, version) ? 0 : 1;
  }

  await using log = new Log(runtime.stderr, {
    format: settings.logFormat,
    level: settings.verbose ? "debug" : settings.quiet ? "error" : "info",
    colour: runtime.stderr.isTerminal() && !runtime.noColor,
  });
  const startedAt = performance.now();
  let serving: Serving;
  try {
    serving = await start(settings, log);
  } catch (error) {
    log.error(explain(error));
    return 1;
  }
  const ignoreSignals = shutDownAtSignal(runtime, serving, settings, log);
  const ignoreHangup = runtime.onHangup(async () => {
    try {
      logReload(log, await serving.reload());
    } catch (error) {
      log.error(explain(error));
    }
  });
  // After the handlers are set: a reader of these lines may send a signal at once.
  logListening(log, serving.addrs, settings);
  const totals = await serving.finished;
  ignoreSignals();
  ignoreHangup();
  logTerminated(log, totals, performance.now() - startedAt);
  return 0;
}

async function start(settings: Settings, log: Log): Promise<Serving> {
  const observer = observeTo(log);
  if (settings.workers === 1) return await serveHere(settings, observer);
  const { serveOnWorkers } = await import("./serve/workers.ts");
  return await serveOnWorkers(settings, observer);
}

/** The first signal drains, the second closes everything, the third ends the process. */
function shutDownAtSignal(
  runtime: Runtime,
  serving: Serving,
  { grace }: Settings,
  log: Log,
): () => void {
  let signals = 0;
  const ignoreSignals = runtime.onSignal(async () => {
    if (++signals > 1) {
      // The system's default action for the next signal ends the process.
      ignoreSignals();
      serving.shutdown(0);
      return;
    }
    const connections = await serving.shutdown(grace);
    if (connections > 0) logDrain(log, connections, grace);
  });
  return ignoreSignals;
}
