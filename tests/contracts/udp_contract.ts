import { spawnSync } from "node:child_process";
import { createSocket } from "node:dgram";
import { isIPv6 } from "node:net";
import process from "node:process";
import { listen, serve } from "../../mod.ts";
import type { EchoServer, Listener } from "../../mod.ts";
import { listenUdpEverywhere } from "../../src/listen/udp_everywhere.ts";
import { loadRuntime } from "../../src/runtimes/detect.ts";
import { assert, assertEquals, assertRejects } from "../helpers/assert.ts";
import { Client, pattern } from "../helpers/client.ts";
import { missing } from "../helpers/commands.ts";
import { FakeClock, settled } from "../helpers/fake_clock.ts";
import type { Test } from "./connection_contract.ts";
import { Peer } from "../helpers/peer.ts";
import { portOf } from "../helpers/transports.ts";

/** States what a UDP endpoint has to do on every runtime. */
export function udpContract(test: Test): void {
  test("accept() rejects while another one is pending", async () => {
    const listener = await listen({ transport: "udp", port: 0 });
    const accepted = listener.accept();
    await assertRejects(
      () => listener.accept(),
      Error,
      "Cannot accept: another accept() is pending",
    );
    listener.close();
    assertEquals(await accepted, null);
    assertEquals(await listener.accept(), null);
  });

  test("listen() takes a free port and names it", async () => {
    const listener = await listen({ transport: "udp", port: 0 });
    const { addr } = listener;
    assert("port" in addr && addr.port > 0);
    assertEquals([addr.transport, addr.hostname], ["udp", "127.0.0.1"]);
    const port = addr.port;
    await assertRejects(
      () => listen({ transport: "udp", port }),
      Error,
      `Cannot listen on udp://127.0.0.1:${port}: address already in use`,
    );
    listener.close();
    listener.close();
    assertEquals(await listener.accept(), null);
    await assertRejects(
      () => listen({ transport: "udp", hostname: "192.0.2.1", port: 0 }),
      Error,
      "Cannot listen on udp://192.0.2.1:0: not an address of this machine",
    );
    await assertRejects(
      () => listen({ transport: "udp", hostname: "no.such.host.invalid" }),
      Error,
      "Cannot listen on udp://no.such.host.invalid:3000: ",
    );
  });

  test("Sends back datagrams of every size, unchanged", async () => {
    await using server = await start();
    await using peer = await Peer.open(server);
    const sizes = [0, 1, 2, 512, 1_472, 1_473, 9_000, 65_506, 65_507];
    for (const size of sizes) {
      await peer.send(pattern(size));
      assertEquals(await peer.receive(), pattern(size));
    }
    const bytes = sizes.reduce((sum, size) => sum + size);
    const { datagrams, ...stats } = server.stats();
    assertEquals(datagrams, { echoed: sizes.length, dropped: 0, bytes });
    assertEquals([stats.bytes, stats.accepted, stats.active], [bytes, 0, 0]);
  });

  test("Sends each datagram back to its own sender", async () => {
    await using server = await start();
    await using first = await Peer.open(server);
    await using second = await Peer.open(server);
    await first.send(pattern(1));
    await second.send(pattern(2));
    assertEquals(await second.receive(), pattern(2));
    assertEquals(await first.receive(), pattern(1));
  });

  test("A sender that has gone costs the others nothing", async () => {
    const listener = await listen({ transport: "udp", port: 0 });
    const accepted = listener.accept();
    await using peer = await Peer.open(listener);
    let got = 0;
    for (let round = 0; round < 67; round++) {
      const gone = await Peer.open(listener);
      await gone.send(pattern(9));
      await gone[Symbol.asyncDispose]();
      for (let i = 0; i < 3; i++) await peer.send(pattern(3));
      for (let i = 0; i < 3; i++) {
        assertEquals(await peer.receive(), pattern(3));
        got++;
      }
    }
    assertEquals(got, 201);
    listener.close();
    assertEquals(await accepted, null);
  });

  const withoutBash = missing("bash").length > 0;
  const what =
    "Datagrams that come while the event loop is busy wait for their turn";
  test(withoutBash ? `${what} (without bash)` : what, async () => {
    await using server = await start();
    // On Deno a socket has the buffer that the system gives it.
    const count = "Deno" in globalThis ? 100 : 400;
    const send = 'exec 3>"/dev/udp/127.0.0.1/$0"; ' +
      `for i in {1..${count}}; do printf x >&3; done`;
    const { status } = spawnSync(
      "bash",
      ["-c", send, `${portOf(server.addr)}`],
      { env: {} },
    );
    assertEquals(status, 0);
    // This one comes after all of them.
    await using peer = await Peer.open(server);
    await peer.send(pattern(3));
    assertEquals(await peer.receive(), pattern(3));
    const { echoed = 0, dropped = 0 } = server.stats().datagrams ?? {};
    assertEquals(echoed + dropped, count + 1);
  }, withoutBash);

  test("Serves both address families", async () => {
    await using server = await start({ hostname: "::" });
    for (const address of ["127.0.0.1", "::1"]) {
      await using peer = await Peer.open(server, address);
      await peer.send(pattern(3));
      assertEquals(await peer.receive(), pattern(3));
    }
  });

  test("Each address answers for itself", async () => {
    const listener = await everywhere(ADDRESSES);
    assertEquals(listener.addr.transport, "udp");
    await using server = serve(listener);
    for (const address of ADDRESSES) {
      assertEquals(await answerOf(address, portOf(listener.addr)), address);
    }
    assertEquals(server.stats().datagrams, {
      echoed: ADDRESSES.length,
      dropped: 0,
      bytes: ADDRESSES.length,
    });
  });

  test("Notices addresses that come and go", async () => {
    using clock = new FakeClock();
    const [first = "", second = ""] = ADDRESSES;
    let addresses = [first];
    const listener = await everywhere(() => addresses);
    const port = portOf(listener.addr);
    const taken = (hostname: string) => isTaken(hostname, port);
    assertEquals(await answerOf(first, port), first);
    assertEquals(await taken(second), false);
    addresses = [second, "192.0.2.99"];
    await clock.advance(10_000);
    // The look at an address may have kept the listener from it: it tries again.
    while (!await taken(second) || await taken(first)) {
      await clock.advance(10_000);
    }
    assertEquals(await answerOf(second, port), second);
    // What the first one did still counts.
    assertEquals(listener.datagrams?.echoed, 2);
    listener.close();
    while (await taken(second)) await settled();
    assertEquals([await listener.accept(), clock.timers], [null, 0]);
  });

  test("All addresses have the same port, or none is bound", async () => {
    const [first = "", second = ""] = ADDRESSES;
    const other = await listen({
      transport: "udp",
      hostname: second,
      port: 0,
    });
    const port = portOf(other.addr);
    const error = await assertRejects(() => everywhere(ADDRESSES, port), Error);
    assertEquals("code" in error && error.code, "EADDRINUSE");
    while (await isTaken(first, port)) await settled();
    other.close();
  });

  test("A name is an address, too", async () => {
    await using server = await start({ hostname: "localhost" });
    const { addr } = server;
    assert("hostname" in addr);
    await using peer = await Peer.open(server, addr.hostname);
    await peer.send(pattern(3));
    assertEquals(await peer.receive(), pattern(3));
  });

  test("Is drained with the others, and counted with them", async () => {
    const tcp = await listen({ port: 0 });
    const udp = await listen({ transport: "udp", port: 0 });
    const server = serve([tcp, udp]);
    await using client = await Client.connect(portOf(tcp.addr));
    await using peer = await Peer.open(udp);
    await peer.send(pattern(5));
    assertEquals(await peer.receive(), pattern(5));
    assertEquals(await client.echo(pattern(7)), pattern(7));
    const done = server.shutdown();
    client.end();
    await done;
    const { accepted, bytes, datagrams } = server.stats();
    assertEquals([accepted, bytes], [1, 12]);
    assertEquals(datagrams, { echoed: 1, dropped: 0, bytes: 5 });
    // The port is free again.
    const again = await listen({ transport: "udp", port: portOf(udp.addr) });
    again.close();
  });

  test("An echo service is found out, and gets nothing any more", async () => {
    await using server = await start();
    await using service = await Peer.open(server);
    service.echo();
    for (let i = 0; i < 3; i++) await service.send(pattern(i));
    // Three datagrams go round and round, until each of them has been dropped.
    while (dropped(server) < 3) await turn();
    const { datagrams } = server.stats();
    assert(datagrams && datagrams.echoed < 4_096, `${datagrams?.echoed}`);

    await service.send(pattern(4));
    while (dropped(server) < 4) await turn();
    await using peer = await Peer.open(server);
    await peer.send(pattern(5));
    assertEquals(await peer.receive(), pattern(5));
    assertEquals(server.stats().datagrams?.echoed, datagrams.echoed + 1);
  });

  test("A client may send the same datagram as often as it likes", async () => {
    await using server = await start();
    await using peer = await Peer.open(server);
    for (let i = 0; i < 5_000; i++) {
      await peer.send(pattern(64));
      assertEquals((await peer.receive()).length, 64);
    }
    assertEquals(dropped(server), 0);
  });

  test("A client that sends all it can reads what comes back meanwhile", async () => {
    await using server = await start();
    const { addr } = server;
    assert("hostname" in addr);
    const runtime = await loadRuntime();
    const connector = await runtime.loadConnector({
      chunkSize: 1024,
      timeout: 10_000,
    });
    const heard = Promise.withResolvers<void>();
    let left = 5_000;
    function send() {
      while (left > 0 && socket.write(pattern(64), 0, 64) > 0) left--;
    }
    const socket = await connector.connect(addr, {
      onData: () => heard.resolve(),
      onDrain: send,
      onEnd: heard.reject,
    });
    send();
    await heard.promise;
    socket.close();
    assert(left > 0);
  });

  test("anySource answers an echo service as well", async () => {
    await using server = await start({ anySource: true });
    await using service = await Peer.open(server);
    service.echo();
    await service.send(pattern(3));
    while ((server.stats().datagrams?.echoed ?? 0) < 5_000) await turn();
    assertEquals(dropped(server), 0);
  });
}

/** Addresses of this machine: only Linux has all that begin with 127. */
const ADDRESSES = process.platform === "linux"
  ? ["127.0.0.1", "127.0.0.2", "::1"]
  : ["127.0.0.1", "::1"];

function everywhere(
  addresses: readonly string[] | (() => readonly string[]),
  port = 0,
): Promise<Listener> {
  return listenUdpEverywhere(
    { transport: "udp", hostname: "::", port, anySource: false },
    typeof addresses === "function" ? addresses : () => addresses,
  );
}

/** Reports whether somebody has a port. */
async function isTaken(hostname: string, port: number): Promise<boolean> {
  try {
    (await listen({ transport: "udp", hostname, port })).close();
    return false;
  } catch {
    return true;
  }
}

/** Sends a datagram to an address, and resolves with where the answer is from. */
function answerOf(address: string, port: number): Promise<string> {
  return new Promise((resolve, reject) => {
    const socket = createSocket(isIPv6(address) ? "udp6" : "udp4");
    socket.once("error", reject);
    socket.once("message", (_, from) => {
      socket.close();
      resolve(from.address);
    });
    socket.send("x", port, address);
  });
}

async function start(
  options: { hostname?: string; anySource?: boolean } = {},
): Promise<EchoServer> {
  return serve(await listen({ transport: "udp", port: 0, ...options }));
}

function dropped(server: EchoServer): number {
  return server.stats().datagrams?.dropped ?? 0;
}

function turn(): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, 0));
}
