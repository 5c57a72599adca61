/** The loop that people write, and that echod is measured against. */
const listener = Deno.listen({
  hostname: "127.0.0.1",
  port: 0,
  tcpBacklog: 4096,
});
console.error(`Listening on tcp://127.0.0.1:${listener.addr.port}`);
for await (const connection of listener) echo(connection).catch(() => {});

async function echo(connection: Deno.TcpConn): Promise<void> {
  using _ = connection;
  connection.setNoDelay();
  const buffer = new Uint8Array(64 * 1024);
  for (;;) {
    const count = await connection.read(buffer);
    if (count === null) return;
    for (let sent = 0; sent < count;) {
      sent += await connection.write(buffer.subarray(sent, count));
    }
  }
}
