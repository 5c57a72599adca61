// What people write on Node.
import { createServer } from "node:net";

const server = createServer((socket) => {
  socket.on("error", () => {});
  socket.setNoDelay().pipe(socket);
});
server.listen({ host: "127.0.0.1", port: 0, backlog: 4096 }, () => {
  const address = server.address();
  if (address === null || typeof address === "string") return;
  console.error(`Listening on tcp://127.0.0.1:${address.port}`);
});
