/** Step 1: serves one client, and ends. */
import { echo } from "./echo.ts";

using listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
console.log(`Listening on port ${listener.addr.port}`);
using connection = await listener.accept();
await echo(connection);
