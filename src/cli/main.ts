import config from "../../deno.json" with { type: "json" };
import { loadRuntime } from "../runtimes/detect.ts";
import type { Runtime } from "../runtimes/runtime.ts";
import { printText } from "./output.ts";

/** Runs the program: serves, or loads a server, and exits. */
export async function main(): Promise<void> {
  const runtime = await loadRuntime();
  runtime.exit(await run(runtime));
}

async function run(runtime: Runtime): Promise<number> {
  const { args, name } = runtime;
  const isBench = args[0] === "bench";
  // Before the command line is parsed: for its parser, Deno may have to ask JSR.
  const has = (...names: string[]) => args.some((arg) => names.includes(arg));
  if (has("-h", "--help")) {
    const help = isBench
      ? (await import("./bench/settings.ts")).BENCH_HELP
      : (await import("./serve/settings.ts")).HELP;
    return await printText(runtime, help) ? 0 : 1;
  }
  if (has("-V", "--version")) {
    const line = `echod ${config.version} (${name})\n`;
    return await printText(runtime, line) ? 0 : 1;
  }
  if (isBench) {
    const { runBench } = await import("./bench/run_bench.ts");
    return await runBench(runtime, args.slice(1));
  }
  const { runServe } = await import("./serve/run_serve.ts");
  return await runServe(runtime);
}
