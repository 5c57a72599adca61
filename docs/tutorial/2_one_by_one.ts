/** Step 2: serves one client after another. */
import { echo } from "./echo.ts";

using listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
console.log(`Listening on port ${listener.addr.port}`);
for await (const accepted of listener) {
  using connection = accepted;
  await echo(connection);
}
