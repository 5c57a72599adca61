import { echo, listen, serve } from "../../mod.ts";
import { assert, assertEquals } from "../helpers/assert.ts";
import { Client, pattern } from "../helpers/client.ts";
import { contracts } from "../contracts/contracts.ts";
import { Peer } from "../helpers/peer.ts";

/** Nothing hangs for longer than this, in milliseconds. */
const TIMEOUT = 60_000;

const net = await Deno.permissions.query({ name: "net" });
const ignore = net.state !== "granted";

contracts((name, fn, isMissing = false) =>
  Deno.test({ name: `Deno: ${name}`, ignore: ignore || isMissing, fn })
);

Deno.test({
  name: "Deno: accepted connections have TCP_NODELAY and keep-alive on",
  ignore,
  timeout: TIMEOUT,
  async fn() {
    const listener = await listen({ port: 0 });
    assert("port" in listener.addr);
    await using _first = await Client.connect(listener.addr.port);
    const first = await listener.accept();
    assert(first);
    const calls: string[] = [];
    const real = Object.getPrototypeOf(first);
    const { setNoDelay, setKeepAlive } = real;
    real.setNoDelay = () => calls.push("setNoDelay");
    real.setKeepAlive = () => calls.push("setKeepAlive");
    await using _second = await Client.connect(listener.addr.port);
    const second = await listener.accept();
    Object.assign(real, { setNoDelay, setKeepAlive });
    assertEquals(calls, ["setNoDelay", "setKeepAlive"]);
    first.close();
    second?.close();
    listener.close();
  },
});

Deno.test({
  name: "Deno: a Deno.Listener and a Deno.Conn are served as they are",
  ignore,
  timeout: TIMEOUT,
  async fn() {
    const errors: unknown[] = [];
    const server = serve(Deno.listen({ hostname: "127.0.0.1", port: 0 }), {
      onError: (error) => errors.push(error),
    });
    await using client = await Client.connect(server.addr.port);
    assertEquals(await client.echo(pattern(3)), pattern(3));
    await server.close();
    assertEquals(errors, []);

    const listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
    await using other = await Client.connect(listener.addr.port);
    const connection: Deno.Conn = await listener.accept();
    listener.close();
    const echoed = echo(connection);
    assertEquals(await other.echo(pattern(3)), pattern(3));
    other.end();
    await echoed;
    connection.close();
  },
});

Deno.test({
  name: "Deno: a datagram takes no more memory than the largest needs",
  ignore,
  timeout: TIMEOUT,
  async fn() {
    await using server = serve(await listen({ transport: "udp", port: 0 }));
    await using peer = await Peer.open(server);
    const echo = async () => {
      await peer.send(pattern(64));
      await peer.receive();
    };
    await echo();
    const before = Deno.memoryUsage().external;
    for (let count = 0; count < 4; count++) await echo();
    const grown = Deno.memoryUsage().external - before;
    // 64 KiB at either end.
    assert(grown < 2 ** 20, `${grown} bytes for four datagrams`);
  },
});
