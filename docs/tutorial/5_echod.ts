/** Step 5: echod, which does all this and ends in good order. */
import { listen, serve } from "@echod/echod";

const listener = await listen({ hostname: "127.0.0.1", port: 0 });
await using server = serve(listener, { maxConnections: 2 });
if ("port" in server.addr) {
  console.log(`Listening on port ${server.addr.port}`);
}
Deno.addSignalListener("SIGTERM", () => server.shutdown({ grace: 5_000 }));
await server.finished;
console.log(`Served ${server.stats().accepted}`);
