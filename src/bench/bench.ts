/**
 * Loads an echo server, verifies every byte of its echo, and measures the latency.
 *
 * @example
 * ```ts
 * import { listen, serve } from "@echod/echod";
 * import { bench } from "@echod/echod/bench";
 *
 * await using server = serve(await listen({ port: 0 }));
 * const { messagesPerSecond, latencyUs, errors } = await bench({
 *   endpoint: `tcp://127.0.0.1:${server.addr.port}`,
 *   connections: 5,
 *   messages: 1_000,
 * });
 * console.log(messagesPerSecond, latencyUs.p99, errors);
 * ```
 *
 * @module
 */
import { readOptions } from "./plan.ts";
import { run } from "./run.ts";
import type { BenchOptions } from "./bench_options.ts";
import type { BenchResult } from "./bench_result.ts";

export type { Fault, FaultKind } from "./faults.ts";
export type { CurvePoint } from "./histogram.ts";
export type { LatencySummary, Look } from "./latencies.ts";
export type { BenchSecond } from "./series.ts";
export type { BenchProgress } from "./bench_options.ts";
export type {
  BenchConnections,
  BenchDatagrams,
  BenchReconnections,
  BenchSetup,
} from "./bench_result.ts";
export type { BenchOptions, BenchResult };

/**
 * Loads an echo server, verifies every byte of its echo, and measures the latency.
 *
 * Wrong bytes and failed connections are part of the result.
 *
 * @returns A promise of the result. It rejects with an Error when no connection
 * can be opened or `ca` holds no certificate, with the signal's reason when that aborts before the
 * connections are open, and with a TypeError, a RangeError or a SyntaxError for
 * an option that is wrong.
 */
export async function bench(options: BenchOptions): Promise<BenchResult> {
  const { ca, ...others } = options;
  if (ca === undefined) return run(readOptions(others), options);
  if (typeof ca !== "string" && !ArrayBuffer.isView(ca)) {
    throw new TypeError("Cannot bench: ca must be a string or a Uint8Array");
  }
  const { checkCertificates } = await import("../listen/pem.ts");
  const checked = checkCertificates(ca, "Cannot bench: ca");
  return run(readOptions({ ...others, ca: checked }), options);
}
