import type { Runtime } from "../../runtimes/runtime.ts";
import { readArgs, type Settings } from "./settings.ts";
import { listen } from "../../listen/listen.ts";
import type { AdminServer } from "../../admin/admin_server.ts";
import type { Listener, NetAddr } from "../../core/transport.ts";
import {
  logAdmin,
  logDrain,
  logListening,
  logReload,
  logTerminated,
  observeTo,
} from "./log_events.ts";
import { UsageError } from "../command_line.ts";
import { Log } from "./log.ts";
import { explain } from "../../core/error_message.ts";
import { tellText } from "../output.ts";
import { loadParseArgs } from "../parse_args.ts";
import { serveInThread, type Serving } from "./serve_in_thread.ts";

/** Serves until a signal comes. Returns the exit code. */
export async function runServe(runtime: Runtime): Promise<number> {
  let settings: Settings;
  try {
    settings = await readArgs(runtime.args, loadParseArgs);
  } catch (error) {
    if (!(error instanceof UsageError)) throw error;
    await tellText(runtime.stderr, `${error.message}\n`);
    return 2;
  }

  await using log = new Log(runtime.stderr, {
    format: settings.logFormat,
    level: settings.verbose ? "debug" : settings.quiet ? "error" : "info",
    colour: runtime.stderr.isTerminal() && !runtime.noColor,
  });
  const startedAt = performance.now();
  let serving: Serving;
  let admin: AdminServer | undefined;
  try {
    // Before anybody is served, in case it cannot be bound.
    const listener = settings.admin && await listen(settings.admin);
    serving = await start(settings, log).catch((error) => {
      listener?.close();
      throw error;
    });
    if (listener) admin = await openAdmin(listener, settings, serving, log);
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
  await logListening(log, serving.endpoints, settings);
  if (admin) logAdmin(log, admin);
  const totals = await serving.finished;
  await admin?.close();
  ignoreSignals();
  ignoreHangup();
  logTerminated(log, totals, performance.now() - startedAt);
  return 0;
}

async function start(settings: Settings, log: Log): Promise<Serving> {
  const observer = observeTo(log);
  if (settings.workers === 1) return await serveInThread(settings, observer);
  const { serveOnWorkers } = await import("./workers.ts");
  return await serveOnWorkers(settings, observer);
}

/** Tells by HTTP how the server is. */
async function openAdmin(
  listener: Listener<NetAddr>,
  settings: Settings,
  serving: Serving,
  log: Log,
): Promise<AdminServer> {
  const { serveAdmin } = await import("../../admin/admin_server.ts");
  const { describeParameters, describeLimits } = await import("./describe.ts");
  const { readDelays } = await import("../../admin/event_loop_delay.ts");
  return serveAdmin(listener, {
    stats: () => serving.stats(),
    connections: (limit) => serving.connections(limit),
    survey: (limit) => serving.survey(limit),
    limits: describeLimits(settings),
    notes: describeParameters(serving.endpoints),
    delays: () => readDelays(serving.delays),
    get lostLines() {
      return log.lostLines;
    },
  }, settings.adminHost);
}

/** The first signal drains, the second closes everything, the third ends the process. */
function shutDownAtSignal(
  runtime: Runtime,
  serving: Serving,
  { shutdownDelay: delay, grace }: Settings,
  log: Log,
): () => void {
  let signals = 0;
  const ignoreSignals = runtime.onSignal(async () => {
    if (++signals > 1) {
      // The system's default action for the next signal ends the process.
      ignoreSignals();
      serving.shutdown({ grace: 0 });
      return;
    }
    const connections = await serving.shutdown({ delay, grace });
    if (connections > 0 || delay > 0) {
      logDrain(log, { connections, delay, grace });
    }
  });
  return ignoreSignals;
}
