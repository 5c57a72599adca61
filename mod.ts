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
export type * from "./src/lib.ts";

// Before the library is loaded: the program ends here, and hardly uses it.
// Node before 24.2 leaves this open; there main() says that it is too old.
if (import.meta.main ?? await isEntry()) {
  const { main } = await import("./src/cli/main.ts");
  await main();
}

type Library = typeof import("./src/lib.ts");
const library: Library = await import("./src/lib.ts");

export const echo: Library["echo"] = library.echo;
export const faultyConnection: Library["faultyConnection"] =
  library.faultyConnection;
export const faultyListener: Library["faultyListener"] = library.faultyListener;
export const fromStreams: Library["fromStreams"] = library.fromStreams;
export const InjectedFault: Library["InjectedFault"] = library.InjectedFault;
export type InjectedFault = InstanceType<Library["InjectedFault"]>;
export const listen: Library["listen"] = library.listen;
export const memoryListener: Library["memoryListener"] = library.memoryListener;
export const behindProxy: Library["behindProxy"] = library.behindProxy;
export const serve: Library["serve"] = library.serve;

async function isEntry(): Promise<boolean> {
  const { argv } = await import("node:process");
  return argv[1] === import.meta.filename;
}
