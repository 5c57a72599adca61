/** Step 4: serves two clients at once at most; the others wait. */
import { echo } from "./echo.ts";

using listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
console.log(`Listening on port ${listener.addr.port}`);
const open = new Set<Promise<void>>();
for (;;) {
  if (open.size >= 2) await Promise.race(open);
  const done = serve(await listener.accept());
  open.add(done);
  done.finally(() => open.delete(done));
}

async function serve(accepted: Deno.Conn): Promise<void> {
  using connection = accepted;
  try {
    await echo(connection);
  } catch (error) {
    console.error(error);
  }
}
