import { createSocket, type RemoteInfo, type Socket } from "node:dgram";
import { Pattern } from "../../src/bench/pattern.ts";
import { assert, assertEquals, assertMatch } from "../helpers/assert.ts";
import { Program, testProgram } from "../helpers/program.ts";
import type { Runtime } from "../helpers/runtimes.ts";

/** A UDP server in this process. */
class UdpServer implements AsyncDisposable {
  readonly #socket: Socket;

  private constructor(socket: Socket) {
    this.#socket = socket;
  }

  static async start(
    onDatagram: (bytes: Uint8Array, from: RemoteInfo, socket: Socket) => void,
  ): Promise<UdpServer> {
    const socket = createSocket("udp4");
    socket.on("message", (bytes, from) => onDatagram(bytes, from, socket));
    await new Promise<void>((resolve) =>
      socket.bind({ address: "127.0.0.1", port: 0 }, resolve)
    );
    return new UdpServer(socket);
  }

  get port(): number {
    return this.#socket.address().port;
  }

  async [Symbol.asyncDispose]() {
    await new Promise<void>((resolve) => this.#socket.close(resolve));
  }
}

/** Runs `bench` against a port, on Deno with all permissions. */
async function bench({ name, command, args }: Runtime, options: string) {
  const all = name === "Deno" ? ["run", "--quiet", "-A"] : args;
  const own = `mod.ts bench --warmup 0s ${options}`.split(" ");
  await using program = new Program(command, [...all, ...own]);
  return await program.ended();
}

testProgram(
  "bench sees how much longer datagrams come back",
  async (runtime) => {
    await using server = await UdpServer.start((bytes, from, socket) => {
      const twice = new Uint8Array(2 * bytes.length);
      twice.set(bytes);
      socket.send(twice, from.port, from.address);
    });
    const { code, stdout } = await bench(
      runtime,
      `-c 1 -s 1400 -n 10 --json udp://127.0.0.1:${server.port}`,
    );
    const { errors, messages } = JSON.parse(stdout);
    assertEquals([code, errors, messages], [1, { inserted: 14_000 }, 10]);
  },
);

testProgram("bench sends its datagrams in their order", async (runtime) => {
  const pattern = new Pattern();
  const places: number[] = [];
  // It answers the first eight together, so that all are sent at once.
  const waiting: (() => void)[] = [];
  await using server = await UdpServer.start((bytes, from, socket) => {
    places.push(pattern.find(bytes, 0) ?? NaN);
    waiting.push(() => socket.send(bytes, from.port, from.address));
    if (places.length >= 8) waiting.splice(0).forEach((send) => send());
  });
  const { code, stdout } = await bench(
    runtime,
    `-c 1 --window 8 -n 80 udp://127.0.0.1:${server.port}`,
  );
  assertEquals(places.length, 80);
  const [first = NaN] = places;
  assertEquals(places, places.map((_, i) => first + i * 64));
  // The server's own datagrams may leave in another order.
  assert(code === 0 || /reordered/.test(stdout), stdout);
  assertMatch(stdout, /^80 messages/m);
});

testProgram("bench hears nobody but its peer over UDP", async (runtime) => {
  const stranger = createSocket("udp4");
  await using server = await UdpServer.start((bytes, from, socket) => {
    stranger.send("not an echo", from.port, "127.0.0.1", () => {
      stranger.send(bytes, from.port, "127.0.0.1", () => {
        socket.send(bytes, from.port, from.address);
      });
    });
  });
  const { code, stdout } = await bench(
    runtime,
    `-c 1 -n 20 udp://127.0.0.1:${server.port}`,
  );
  await new Promise<void>((resolve) => stranger.close(resolve));
  assertMatch(stdout, /No errors/);
  assertEquals(code, 0);
});

testProgram("bench says that a UDP port is closed", async (runtime) => {
  let port: number;
  {
    await using server = await UdpServer.start(() => {});
    port = server.port;
  }
  const { code, stdout, stderr } = await bench(
    runtime,
    `-c 1 -n 5 udp://127.0.0.1:${port}`,
  );
  assertMatch(stdout + stderr, /connection refused/);
  assertEquals(code, 1);
});

testProgram(
  "bench counts only the datagrams that come back",
  async (runtime) => {
    let count = 0;
    await using server = await UdpServer.start((bytes, from, socket) => {
      if (count++ % 2 === 0) socket.send(bytes, from.port, from.address);
    });
    const { code, stdout } = await bench(
      runtime,
      `-c 1 -r 100 -n 100 --json udp://127.0.0.1:${server.port}`,
    );
    const { messages, errors, datagrams } = JSON.parse(stdout);
    assertEquals([messages, errors, datagrams.lost], [50, {}, 50]);
    assertEquals(code, 1);
  },
);
