import { connect, type Socket } from "node:net";
import { listen, serve } from "../../mod.ts";
import { loadRuntime } from "../../src/runtimes/detect.ts";
import { assert, assertEquals, assertRejects } from "../helpers/assert.ts";
import { certificate, otherKey } from "../helpers/certificates.ts";
import { pattern } from "../helpers/client.ts";
import type { Test } from "./connection_contract.ts";
import { Fixture } from "../helpers/fixtures.ts";
import { portOf, TLS } from "../helpers/transports.ts";

/**
 * Whether a connection that the server closes is closed although its client says
 * nothing, or takes nothing. Deno frees its place, and leaves it to the client to
 * go: it closes nothing before the handshake is done and everything is sent.
 */
const CLOSES = !("Deno" in globalThis);

/** States what is TLS's own on every runtime. */
export function tlsContract(test: Test): void {
  test("listen() says what is wrong with a certificate or its key", async () => {
    const { cert, key } = certificate();
    const wrong: [string, string, string][] = [
      ["not PEM", key, "cert holds no certificate in PEM"],
      [key, key, "cert holds no certificate in PEM"],
      [cert.replaceAll("M", "!"), key, "cert holds no certificate in PEM"],
      [cert, "not PEM", "key holds no private key in PEM"],
      [cert, cert, "key holds no private key in PEM"],
      [cert, otherKey(), "key does not fit the certificate in cert"],
    ];
    for (const [cert, key, reason] of wrong) {
      await assertRejects(
        () => listen({ transport: "tls", port: 0, cert, key }),
        Error,
        `Cannot listen on tls://127.0.0.1:0: ${reason}`,
      );
    }
  });

  test("listen() takes certificate and key in one file", async () => {
    const { cert, key } = certificate();
    const pem = `A comment\n${key}${cert}`;
    const listener = await listen({
      transport: "tls",
      port: 0,
      cert: pem,
      key: pem,
    });
    assertEquals(listener.addr.transport, "tls");
    listener.close();
  });

  test("A handshake that fails costs its own place only", async () => {
    await using fixture = await Fixture.start(TLS);
    const port = portOf(fixture.server.addr);
    const failing: ((socket: Socket) => void)[] = [
      (socket) => socket.end(),
      (socket) => socket.end("GET / HTTP/1.0\r\n\r\n"),
      (socket) => socket.write(new Uint8Array(1_000)),
      (socket) => socket.resetAndDestroy(),
    ];
    for (const fail of failing) {
      const socket = connect({ port, host: "127.0.0.1" });
      socket.on("error", () => {});
      socket.resume();
      const closed = new Promise((resolve) => socket.once("close", resolve));
      await new Promise((resolve) => socket.once("connect", resolve));
      fail(socket);
      await closed;
    }
    await using client = await fixture.connect();
    assertEquals(await client.echo(pattern(9)), pattern(9));
    const { accepted } = fixture.stats;
    // One that is reset at once may have gone before it was accepted.
    assert(accepted === 4 || accepted === 5);
    await fixture.closedCount(accepted - 1);
    assertEquals(fixture.stats.failed, accepted - 1);
  });

  test("A client that never begins its handshake is closed, and has failed", async () => {
    const runtime = await loadRuntime();
    const listener = await runtime.listen({
      ...certificate(),
      transport: "tls",
      hostname: "127.0.0.1",
      port: 0,
      reusePort: false,
      backlog: 1,
      handshakeTimeout: 50,
    });
    const errors: unknown[] = [];
    await using server = serve(listener, {
      onError: (error) => errors.push(error),
    });
    const socket = connect(portOf(server.addr), "127.0.0.1");
    socket.resume();
    const closed = new Promise((resolve) => socket.once("close", resolve));
    while (server.stats().accepted === 0) await turn();
    while (server.stats().active > 0) await turn();
    if (!CLOSES) socket.destroy();
    await closed;
    assertEquals(server.stats().failed, 1);
    assertEquals(errors.map(String), ["Error: No TLS handshake within 0.05 s"]);
  });

  test("shutdown() ends a client in its handshake", async () => {
    const fixture = await Fixture.start(TLS);
    const socket = connect(portOf(fixture.server.addr), "127.0.0.1");
    socket.resume();
    const closed = new Promise((resolve) => socket.once("close", resolve));
    while (fixture.stats.active === 0) await turn();
    await fixture.server.shutdown({ grace: 0 });
    if (!CLOSES) socket.destroy();
    await closed;
    assertEquals(fixture.closed.map(({ reason }) => reason), ["shutdown"]);
  });
}

function turn(): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, 0));
}
