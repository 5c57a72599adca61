/**
 * The server that this one became: limits, fairness, numbers and an orderly end.
 *
 * @module
 */
import { listen, serve } from "@echod/echod";

const port = Number(Deno.args[0] ?? 3000);
const server = serve(await listen({ port }), {
  maxConnections: 1_000,
  idleTimeout: 60_000,
  onError: (error) => console.error(`A connection failed: ${error}`),
});
console.log(`Listening on port ${server.addr.port}`);

const stop = () => server.shutdown({ grace: 10_000 });
Deno.addSignalListener("SIGINT", stop);
await server.finished;
Deno.removeSignalListener("SIGINT", stop);
const { accepted, bytes } = server.stats();
console.log(`Served ${accepted} connections, ${bytes} bytes`);
