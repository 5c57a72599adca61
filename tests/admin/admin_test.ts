import { admin } from "../../src/admin.ts";
import { listen, memoryListener, serve } from "../../mod.ts";
import { assert, assertEquals, assertRejects } from "../helpers/assert.ts";
import { FakeClock, settled } from "../helpers/fake_clock.ts";

const { state } = await Deno.permissions.query({ name: "net" });
const ignore = state !== "granted";

Deno.test(
  { name: "admin() tells of a server, until it is closed", ignore },
  async () => {
    const listener = memoryListener();
    await using server = serve(listener);
    const watched = await admin(server);
    const { readable, writable } = listener.connect();
    await writable.getWriter().write(new Uint8Array(5));
    await readable.getReader().read();
    const ask = async (path: string) =>
      await (await fetch(`${watched.url}${path}`)).text();
    const { bytes, limit, connections, eventLoopDelayMs } = JSON.parse(
      await ask("stats"),
    );
    assertEquals([bytes, limit, eventLoopDelayMs.p50 >= 0], [5, null, true]);
    assertEquals(connections.length, 1);
    assertEquals(connections[0].bytes, 5);
    assertEquals(JSON.parse(await ask("stats?limit=0")).connections, []);
    assertEquals(await ask("readyz"), "ok\n");
    const stopped = server.close();
    assertEquals(await ask("readyz"), "The server is being shut down\n");
    await stopped;
    assertEquals(JSON.parse(await ask("stats")).closedBy.shutdown, 1);
    await watched.close();
    await assertRejects(() => fetch(watched.url), TypeError);
  },
);

Deno.test(
  { name: "admin() shows the limits and the faults", ignore },
  async () => {
    const [slow, udp] = await Promise.all([
      listen({ port: 0, hostname: "127.0.0.1", faults: { delay: 50 } }),
      listen({
        transport: "udp",
        port: 0,
        hostname: "127.0.0.1",
        faults: { drop: 5, seed: undefined },
      }),
    ]);
    await using server = serve([memoryListener(), slow, udp], {
      maxConnections: 5,
      maxConnectionsPerHost: 4,
      idleTimeout: 3_000,
      maxLifetime: Infinity,
      maxBytes: 2,
    });
    await using watched = await admin(server);
    const response = await fetch(`${watched.url}events`);
    const reader = response.body?.pipeThrough(new TextDecoderStream())
      .getReader();
    let text = "";
    while (text.split("data: ").length < 3 || !text.endsWith("\n\n")) {
      text += (await reader?.read())?.value;
    }
    await reader?.cancel();
    const [, about = "", numbers = ""] = text.split("data: ");
    assertEquals(JSON.parse(about.replace(/\n[^]*/, "")).limits, [
      ["maxConnections", "5"],
      ["maxConnectionsPerHost", "4"],
      ["idleTimeout", "3000 ms"],
      ["maxBytes", "2 B"],
    ]);
    const { endpoints } = JSON.parse(numbers);
    assertEquals(
      endpoints.map(({ note }: { note?: string }) => note),
      [undefined, "delay=50ms", "drop=5%"],
    );
  },
);

Deno.test({
  name: "admin() refuses wrong options, and a port that is taken",
  ignore,
}, async () => {
  await using server = serve(memoryListener());
  const refuse = async (options: object, message: string) => {
    await assertRejects(() => admin(server, options), TypeError, message);
  };
  await refuse({ host: "" }, "no option host, but hostname, port, hosts");
  await refuse({ hosts: "a" }, "hosts must be an array of strings");
  await refuse({ port: "1" }, "port must be a whole number");
  const noServer = () => Reflect.apply(admin, undefined, [memoryListener()]);
  await assertRejects(noServer, TypeError, "connections");
  await using watched = await admin(server, { hosts: ["a.example"] });
  const { port } = watched.addr;
  const error = await assertRejects(
    () => admin(server, { port }),
    Error,
    "address already in use",
  );
  assert("code" in error && error.code === "EADDRINUSE");
  // Nothing is left open, which the sanitizers see.
  (await listen({ port: 0 })).close();
});

Deno.test("How long a connection is idle is known from the first question on", async () => {
  using clock = new FakeClock();
  const listener = memoryListener();
  const server = serve(listener);
  server.connections();
  const { writable } = listener.connect();
  await settled();
  const idle = () => server.connections().map(({ idle }) => idle);
  await clock.advance(5_000);
  assertEquals(idle(), [5_000]);
  const writer = writable.getWriter();
  writer.write(new Uint8Array(1)).catch(() => {});
  await settled();
  assertEquals(idle(), [0]);
  await clock.advance(1_000);
  await clock.advance(3_000);
  assertEquals(idle(), [3_000]);
  await server.close();
  assertEquals(clock.timers, 0);
});
