/**
 * A server that no client can end, and that no shortage can.
 *
 * @module
 */
const port = Number(Deno.args[0] ?? 3000);
const listener = Deno.listen({ hostname: "127.0.0.1", port });
console.log(`Listening on port ${listener.addr.port}`);

for (;;) {
  let connection: Deno.Conn;
  try {
    connection = await listener.accept();
  } catch (error) {
    // No descriptor is left, for example. There will be one again.
    console.error(`Cannot accept: ${error}`);
    await new Promise((resolve) => setTimeout(resolve, 100));
    continue;
  }
  echo(connection)
    .catch((error) => console.error(`A connection failed: ${error}`))
    .finally(() => connection.close());
}

/** Sends back what the peer sends, until it ends its side. */
async function echo(connection: Deno.Conn): Promise<void> {
  const buffer = new Uint8Array(256);
  for (let count; (count = await connection.read(buffer)) !== null;) {
    for (let sent = 0; sent < count;) {
      // The system may take less than all of it.
      sent += await connection.write(buffer.subarray(sent, count));
    }
  }
}
