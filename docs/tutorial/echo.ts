/** What all steps do with a connection: send back what comes, to the end. */
export async function echo(connection: Deno.Conn): Promise<void> {
  const buffer = new Uint8Array(1024);
  for (;;) {
    const length = await connection.read(buffer);
    if (length === null) return;
    // A write may take only a part.
    for (let sent = 0; sent < length;) {
      sent += await connection.write(buffer.subarray(sent, length));
    }
  }
}
