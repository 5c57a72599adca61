/**
 * A TCP echo server: it sends back what it is sent.
 *
 * As a program, `deno run --allow-net mod.ts --help`; as a library:
 *
 * @example
 * ```ts
 * import { listen, serve } from "@echod/echod";
 *
 * await using server = serve(await listen({ port: 0 }));
 * console.log(server.addr);
 * ```
 *
 * @module
 */
export * from "./src/lib.ts";

// Node before 24.2 leaves this open; there main() says that it is too old.
if (import.meta.main ?? await isEntry()) {
  const { main } = await import("./src/cli/main.ts");
  await main();
}

async function isEntry(): Promise<boolean> {
  const { argv } = await import("node:process");
  return argv[1] === import.meta.filename;
}
