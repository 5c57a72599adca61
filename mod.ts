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
export { echo } from "./src/echo.ts";
export { listen } from "./src/listen.ts";
export { serve } from "./src/server.ts";
export type { AdmissionOptions, RefuseReason } from "./src/admission.ts";
export type {
  ClosedConnection,
  CloseReason,
  EchoServer,
  OpenConnection,
  ServeOptions,
  ShutdownOptions,
  Stats,
} from "./src/server.ts";
export type {
  Addr,
  Connection,
  Listener,
  ListenOptions,
  NetAddr,
  UnixAddr,
} from "./src/transport.ts";

if (import.meta.main) {
  const { main } = await import("./src/cli/main.ts");
  await main();
}
