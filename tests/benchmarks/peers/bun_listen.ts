// The shortest server on Bun that loses nothing: what `write` does not take has to wait.

/** What is used of Bun. */
declare const Bun: {
  listen(options: {
    hostname: string;
    port: number;
    socket: {
      open(socket: Socket): void;
      data(socket: Socket, chunk: Uint8Array): void;
      drain(socket: Socket): void;
    };
  }): { readonly port: number };
};

interface Socket {
  data: Uint8Array | undefined;
  write(bytes: Uint8Array): number;
  setNoDelay(on: boolean): void;
  pause(): void;
  resume(): void;
}

const { port } = Bun.listen({
  hostname: "127.0.0.1",
  port: 0,
  socket: {
    open: (socket) => socket.setNoDelay(true),
    data(socket, chunk) {
      const sent = socket.write(chunk);
      if (sent < 0 || sent === chunk.length) return;
      socket.data = chunk.slice(sent);
      socket.pause();
    },
    drain(socket) {
      if (!socket.data) return;
      socket.data = socket.data.subarray(
        Math.max(socket.write(socket.data), 0),
      );
      if (socket.data.length > 0) return;
      socket.data = undefined;
      socket.resume();
    },
  },
});
console.error(`Listening on tcp://127.0.0.1:${port}`);
