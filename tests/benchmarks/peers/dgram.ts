/** The shortest UDP echo server on `node:dgram`, for Deno, Node and Bun. */
import { createSocket } from "node:dgram";

const socket = createSocket("udp4");
socket.on("message", (bytes, { address, port }) => {
  socket.send(bytes, port, address);
});
socket.bind(0, "127.0.0.1", () => {
  console.error(`Listening on udp://127.0.0.1:${socket.address().port}`);
});
