import { spawn } from "node:child_process";
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
    assertEquals(errors.map(String), [
      "Error: TLS failed: no handshake within 0.05 s",
    ]);
  });

  test("What is not TLS ends a connection at once, also after its handshake", async () => {
    await using fixture = await Fixture.start(TLS, { maxConnections: 1 });
    await using broken = await fixture.connect();
    assertEquals(await broken.echo(pattern(9)), pattern(9));
    await using next = await fixture.connect();
    broken.sendRaw("plain text, and more of it");
    assertEquals(await next.echo(pattern(9)), pattern(9));
    const [closed] = fixture.closed;
    assertEquals(closed?.reason, "error");
    assertEquals(closed?.error, "not TLS");
    assertEquals(fixture.stats.failed, 1);
  });

  test("A connection that has failed says why, in the same words everywhere", async () => {
    await using fixture = await Fixture.start(TLS);
    const port = portOf(fixture.server.addr);
    const failing: [() => Promise<unknown>, string][] = [
      [() => sClient(port, CBC), "no shared cipher"],
      [
        () => sClient(port, OLD),
        "TLS version too old: 1.2 or 1.3 is needed",
      ],
      [
        () => sClient(port, ["-tls1_2", "-verify_return_error"]),
        "the peer's alert: unknown ca",
      ],
      [() => sendPlain(port, "GET / HTTP/1.0\r\n\r\n"), "not TLS"],
      [() => sendPlain(port, "SSH-2.0-OpenSSH\r\n"), "not TLS"],
      [() => sendPlain(port, new Uint8Array(1_000)), "not TLS"],
      [() => sendPlain(port, ""), "the peer left during the handshake"],
      [
        () => sendPlain(port, new Uint8Array([0x16, 3, 1])),
        "the peer left during the handshake",
      ],
    ];
    for (const [index, [fail]] of failing.entries()) {
      await fail();
      await fixture.closedCount(index + 1);
    }
    assertEquals(
      fixture.closed.map(({ reason, error }) => [reason, error]),
      failing.map(([_, error]) => ["error", error]),
    );
  });

  test("TLS 1.3, and 1.2 with AEAD and forward secrecy, are all there is", async () => {
    await using fixture = await Fixture.start(TLS);
    const port = portOf(fixture.server.addr);
    const right = [
      "-tls1_3",
      "-tls1_2 -cipher ECDHE-ECDSA-AES256-GCM-SHA384",
      "-tls1_2 -cipher ECDHE-ECDSA-AES128-GCM-SHA256",
      "-tls1_2 -cipher ECDHE-ECDSA-CHACHA20-POLY1305",
    ];
    for (const options of right) {
      const output = await sClient(port, options.split(" "));
      assert(/Cipher is (TLS_|ECDHE)/.test(output), `${options}: ${output}`);
      assert(output.includes("Compression: NONE"), output);
    }
    for (
      const options of [
        OLD,
        CBC,
        ["-tls1_2", "-cipher", "ECDHE-ECDSA-AES256-SHA384"],
        // Neither forward secrecy nor a certificate.
        ["-tls1_2", "-cipher", "kRSA:kPSK:aNULL:@SECLEVEL=0"],
        ["-tls1_2", "-cipher", "AESCCM:@SECLEVEL=0"],
      ]
    ) {
      const output = await sClient(port, options);
      assert(output.includes("Cipher is (NONE)"), `${options}: ${output}`);
    }
  });

  test("A client may not renegotiate", async () => {
    await using fixture = await Fixture.start(TLS);
    const port = portOf(fixture.server.addr);
    const output = await sClient(port, ["-tls1_2"], (output, write) => {
      if (output.includes("STILL HERE")) return true;
      if (output.includes("RENEGOTIATING")) write("STILL HERE\n");
      else if (output.includes("Verify return code")) write("R\n");
      return false;
    });
    assert(/no renegotiation/.test(output), output);
    assert(!output.includes("STILL HERE"), output);
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

const OLD = ["-tls1_1", "-cipher", "ALL:@SECLEVEL=0"];
const CBC = ["-tls1_2", "-cipher", "ECDHE-ECDSA-AES128-SHA:AES128-SHA"];

/**
 * What `openssl s_client` prints to its end, which is when its handshake is
 * done, unless `talk` is to say.
 */
function sClient(
  port: number,
  options: string[],
  talk: (output: string, write: (line: string) => void) => boolean = (output) =>
    output.includes("Verify return code"),
): Promise<string> {
  const args = ["s_client", "-connect", `127.0.0.1:${port}`, ...options];
  const client = spawn("openssl", args);
  let output = "";
  const said = new Set<string>();
  const write = (line: string) => {
    if (!said.has(line)) client.stdin.write(line);
    said.add(line);
  };
  const read = (chunk: unknown) => {
    output += String(chunk);
    if (talk(output, write)) client.stdin.end();
  };
  client.stdin.on("error", () => {});
  client.stdout.on("data", read);
  client.stderr.on("data", read);
  return new Promise((resolve) => client.once("close", () => resolve(output)));
}

/** Sends bytes that are not TLS, and ends. */
function sendPlain(port: number, bytes: Uint8Array | string): Promise<void> {
  return new Promise((resolve) => {
    const socket = connect(port, "127.0.0.1", () => socket.end(bytes));
    socket.on("error", () => {});
    socket.resume();
    socket.once("close", () => resolve());
  });
}
