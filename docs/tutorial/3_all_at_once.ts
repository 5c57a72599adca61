/**
 * A server that serves all clients at once, until one of them misbehaves.
 *
 * @module
 */
const port = Number(Deno.args[0] ?? 3000);
const listener = Deno.listen({ hostname: "127.0.0.1", port });
console.log(`Listening on port ${listener.addr.port}`);

for (;;) {
  const connection = await listener.accept();
  // Without `await`: the loop goes on to the next client.
  echo(connection).then(() => connection.close());
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
