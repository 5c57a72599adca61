import process from "node:process";
import { listen } from "../../mod.ts";
import { assert, assertEquals, assertRejects } from "../helpers/assert.ts";
import { Client, pattern } from "../helpers/client.ts";
import type { Test } from "./connection_contract.ts";
import { connectAndReset } from "./gone_contract.ts";
import { Fixture } from "../helpers/fixtures.ts";
import { portOf, TCP, type Transport } from "../helpers/transports.ts";

const EVERYWHERE: Transport = {
  ...TCP,
  options: () => ({ hostname: "::", port: 0 }),
};

/** States what `listen()` has to do on every runtime, and what is TCP's own. */
export function tcpContract(test: Test): void {
  test("listen() takes a free port and names it", async () => {
    const listener = await listen({ port: 0 });
    const { addr } = listener;
    assert("port" in addr && addr.port > 0);
    assertEquals(`${addr}`, "[object Object]");
    assertEquals([addr.transport, addr.hostname], ["tcp", "127.0.0.1"]);
    listener.close();
  });

  test("listen() says what it could not bind, and why", async () => {
    const listener = await listen({ port: 0 });
    const port = portOf(listener.addr);
    const error = await assertRejects(
      () => listen({ port }),
      Error,
      `Cannot listen on tcp://127.0.0.1:${port}: address already in use`,
    );
    assert(error.cause instanceof Error);
    listener.close();
    await assertRejects(
      () => listen({ hostname: "192.0.2.1", port: 0 }),
      Error,
      "Cannot listen on tcp://192.0.2.1:0: not an address of this machine",
    );
    await assertRejects(
      () => listen({ hostname: "no.such.host.invalid", port: 0 }),
      Error,
      "Cannot listen on tcp://no.such.host.invalid:0: ",
    );
  });

  test("listen() rejects options of the wrong type or range", async () => {
    for (const port of [-1, 65536]) {
      await assertRejects(() => listen({ port }), RangeError, "0 to 65535");
    }
    await assertRejects(
      () => listen({ transport: "unix", path: "/e", mode: 0o1000 }),
      RangeError,
      "0 to 511",
    );
    for (
      const options of [
        { port: 1.5 },
        { port: "80" },
        { hostname: "" },
        { transport: "http" },
        { transport: "unix" },
        { transport: "unix", path: "" },
        { transport: "unix", path: "/e", mode: "0600" },
        { transport: "tls", key: "key" },
        { transport: "tls", cert: "cert" },
        { transport: "udp", anySource: 1 },
      ]
    ) {
      await assertRejects(
        () => Reflect.apply(listen, undefined, [options]),
        TypeError,
        "Cannot listen: ",
      );
    }
  });

  test("listen() names the right option for a wrong one", async () => {
    for (
      const [options, message] of [
        [3000, "Cannot listen on 3000: write listen({ port: 3000 })"],
        ["3000", "Cannot listen: the options must be an object, but are 3000"],
        [null, "Cannot listen: the options must be an object, but are null"],
        [{ host: "::1" }, "there is no option host, but transport, hostname,"],
        [
          { path: "/e" },
          'path needs the option transport: "unix"',
        ],
        [{ cert: "c", key: "k" }, 'cert needs the option transport: "tls"'],
        [
          { transport: "tls", cert: "c" },
          "key must be a string or a Uint8Array",
        ],
        [
          { anySource: true },
          'anySource needs the option transport: "udp"',
        ],
        [{ fd: 3, port: 1 }, "there is no option port, but fd, faults, proxy"],
        [{ fd: 3, transport: "tcp" }, "there is no option transport, but fd"],
        [{ fd: 1.5 }, "fd must be a whole number, but is 1.5"],
        [{ fd: "3" }, "fd must be a whole number, but is 3"],
        [{ transport: "toString" }, 'transport must be "tcp", "tls",'],
        [
          { transport: "unix", path: "/e", port: 1 },
          "there is no option port, but transport, path, mode",
        ],
      ] as const
    ) {
      await assertRejects(
        () => Reflect.apply(listen, undefined, [options]),
        TypeError,
        message,
      );
    }
  });

  test("listen() takes an IPv6 address with brackets", async () => {
    using listener = await listen({ hostname: "[::1]", port: 0 });
    const { addr } = listener;
    assertEquals(addr.hostname, "::1");
  });

  test("using closes a listener", async () => {
    let port;
    {
      using listener = await listen({ port: 0 });
      port = listener.addr.port;
    }
    await assertRejects(() => Client.connect(port), Error);
  });

  test("connections() can be reset and closed, where the clients notice", async () => {
    await using fixture = await Fixture.start({
      ...TCP,
      options: () => ({ port: 0, resets: true }),
    });
    const clients = [await fixture.connect(), await fixture.connect()];
    for (const client of clients) await client.echo(pattern(9));
    const [first, second] = fixture.server.connections();
    first?.reset();
    second?.close();
    const [reset, closed] = clients;
    const error = await assertRejects(
      async () => await reset?.receive(),
      Error,
    );
    assert("code" in error);
    assertEquals(error.code, "ECONNRESET");
    assertEquals(await closed?.receive(), null);
    closed?.end();
    await fixture.closedCount(2);
    assertEquals(
      fixture.closed.map(({ reason }) => reason),
      ["closed", "closed"],
    );
    for (const client of clients) await client[Symbol.asyncDispose]();
  });

  test("listen() takes both address families", async () => {
    await using fixture = await Fixture.start(EVERYWHERE);
    for (const host of ["127.0.0.1", "::1"]) {
      await using client = await Client.connect(
        portOf(fixture.server.addr),
        host,
      );
      assertEquals(await client.echo(pattern(5)), pattern(5));
    }
  });

  test("Clients that have gone before they are accepted cost no time", async () => {
    await using fixture = await Fixture.start(TCP, { maxConnections: 1 });
    const first = await fixture.connect();
    await first.echo(pattern(1));
    for (let i = 0; i < 300; i++) {
      await connectAndReset(portOf(fixture.server.addr));
    }
    await using last = await fixture.connect();
    await last.send(pattern(9));
    const start = performance.now();
    first.end();
    assertEquals(await last.receiveExactly(9), pattern(9));
    const waited = performance.now() - start;
    // With the back-off of 5 ms to 1 s it would be minutes.
    assert(waited < 1_500, `The 301st client waited for ${waited} ms`);
    assertEquals(fixture.errors.length, fixture.stats.failed);
    await first[Symbol.asyncDispose]();
  });

  test("Newcomers do not wait a turn of the event loop each", async () => {
    // Elsewhere Node has one socket for a port, and takes one client a turn.
    if (process.platform !== "linux") return;
    const listener = await listen({ port: 0 });
    const port = portOf(listener.addr);
    const clients = await Promise.all(
      Array.from({ length: 200 }, () => Client.connect(port)),
    );
    let turns = 0;
    const count = () => {
      turns++;
      counter = setImmediate(count);
    };
    let counter = setImmediate(count);
    for (const _ of clients) (await listener.accept())?.close();
    clearImmediate(counter);
    listener.close();
    for (const client of clients) await client[Symbol.asyncDispose]();
    assert(turns < 100, `200 clients were accepted in ${turns} turns`);
  });

  test("A thousand clients find room in the backlog", async () => {
    await using fixture = await Fixture.start(TCP, { maxConnections: 1 });
    const clients = await Promise.all(
      Array.from({ length: 1_000 }, () => fixture.connect()),
    );
    await fixture.server.shutdown({ grace: 0 });
    for (const client of clients) await client[Symbol.asyncDispose]();
  });
}
