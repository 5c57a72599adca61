/** Step 3: serves all clients at once, and survives their errors. */
import { echo } from "./echo.ts";

using listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
console.log(`Listening on port ${listener.addr.port}`);
for await (const connection of listener) serve(connection);

async function serve(accepted: Deno.Conn): Promise<void> {
  using connection = accepted;
  try {
    await echo(connection);
  } catch (error) {
    console.error(error);
  }
}
