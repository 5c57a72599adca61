import type { Runtime } from "./runtime.ts";

/** The runtime at hand. */
export async function loadRuntime(): Promise<Runtime> {
  if ("Deno" in globalThis) return (await import("./deno/runtime.ts")).runtime;
  if ("Bun" in globalThis) return (await import("./bun/runtime.ts")).runtime;
  return (await import("./node/runtime.ts")).runtime;
}
