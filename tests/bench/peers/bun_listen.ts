/** The shortest echo server on Bun. It drops what the system does not take at once. */
interface Socket {
  write(bytes: Uint8Array): number;
}

declare const Bun: {
  listen(options: {
    hostname: string;
    port: number;
    socket: { data(socket: Socket, bytes: Uint8Array): void };
  }): { readonly port: number };
};

const { port } = Bun.listen({
  hostname: "127.0.0.1",
  port: 0,
  socket: {
    data(socket, bytes) {
      socket.write(bytes);
    },
  },
});
console.error(`Listening on tcp://127.0.0.1:${port}`);
