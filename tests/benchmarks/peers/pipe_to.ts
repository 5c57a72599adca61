/** The shortest echo server there is: the pipe of Web Streams. */
const listener = Deno.listen({
  hostname: "127.0.0.1",
  port: 0,
  tcpBacklog: 4096,
});
console.error(`Listening on tcp://127.0.0.1:${listener.addr.port}`);
for await (const connection of listener) {
  connection.setNoDelay();
  connection.readable.pipeTo(connection.writable).catch(() => {});
}
