import { X509Certificate } from "node:crypto";
import { connect, type TLSSocket } from "node:tls";
import { assert, assertEquals } from "../../helpers/assert.ts";
import {
  makeCertificate,
  TemporaryDirectory,
} from "../../helpers/certificates.ts";
import { Client, pattern } from "../../helpers/client.ts";
import { Program, testProgram as test } from "../../helpers/program.ts";
import { type Runtime, RUNTIMES } from "../../helpers/runtimes.ts";

const [DENO] = RUNTIMES;

const RELOADED = /^Reloaded certificate and key of 1 endpoint$/;

/** Opens a connection. */
function open(port: number): Promise<TLSSocket> {
  return new Promise((resolve, reject) => {
    const place = { port, host: "127.0.0.1", rejectUnauthorized: false };
    const socket = connect(place, () => resolve(socket));
    socket.once("error", reject);
  });
}

/** The certificate that a port shows. */
async function certificateOf(port: number): Promise<string> {
  const socket = await open(port);
  const { raw } = socket.getPeerCertificate();
  socket.destroy();
  return new X509Certificate(raw).toString();
}

/** Sends a line, and resolves with what comes back first. */
function echo(socket: TLSSocket, line: string): Promise<string> {
  return new Promise((resolve) => {
    socket.once("data", (bytes) => resolve(String(bytes)));
    socket.write(line);
  });
}

function permit(runtime: Runtime): Runtime {
  return runtime.name === "Deno"
    ? { ...runtime, args: [...runtime.args, "--allow-read"] }
    : runtime;
}

for (const workers of [1, 2]) {
  test(`reads certificate and key anew at SIGHUP (--workers ${workers})`, async (runtime) => {
    using directory = new TemporaryDirectory();
    const [cert, key] = [directory.file("cert"), directory.file("key")];
    makeCertificate(cert, key);
    await using program = Program.start(
      permit(runtime),
      "tls://127.0.0.1:0",
      "--tls-cert",
      cert,
      "--tls-key",
      key,
      `--workers=${workers}`,
    );
    const port = await program.port();
    const first = await certificateOf(port);
    const earlier = await open(port);
    assertEquals(await echo(earlier, "before"), "before");

    await Deno.writeTextFile(key, "bad");
    program.signal("SIGHUP");
    await program.line(
      /^Cannot reload certificate and key, the old ones stay: .*key holds no private key in PEM/,
    );
    assertEquals(await certificateOf(port), first);

    makeCertificate(cert, key);
    program.signal("SIGHUP");
    await program.line(RELOADED);
    const second = await certificateOf(port);
    assert(second !== first);
    for (let count = 0; count < 8; count++) {
      assertEquals(await certificateOf(port), second);
    }
    assertEquals(await echo(earlier, "after"), "after");
    earlier.destroy();
    assertEquals(program.lines.length, 3);
  });
}

test("keeps the certificate where a port cannot be shared", async (runtime) => {
  using directory = new TemporaryDirectory();
  const [cert, key] = [directory.file("cert"), directory.file("key")];
  makeCertificate(cert, key);
  // The configuration has the unstable features.
  const { args: [run = "", ...args], ...rest } = permit(runtime);
  await using program = Program.start(
    { ...rest, args: [run, "--no-config", ...args] },
    "tls://127.0.0.1:0",
    `--tls-cert=${cert}`,
    `--tls-key=${key}`,
  );
  const first = await certificateOf(await program.port());
  makeCertificate(cert, key);
  program.signal("SIGHUP");
  await program.line(
    /^Cannot reload certificate and key, the old ones stay: without a restart, they can be replaced only on Node, or on Linux \(on Deno with --unstable-net\)$/,
  );
  assertEquals(await certificateOf(await program.port()), first);
}, [DENO]);

test("SIGHUP does no harm where there is nothing to reload", async (runtime) => {
  await using program = Program.start(runtime, "-p0");
  const port = await program.port();
  await using client = await Client.connect(port);
  await client.echo(pattern(1));
  for (let count = 1; count <= 2; count++) {
    program.signal("SIGHUP");
    await program.line(
      /^Nothing to reload: there is no endpoint tls:\/\/HOST:PORT$/,
    );
    assertEquals(await client.echo(pattern(9)), pattern(9));
  }
  await using next = await Client.connect(port);
  assertEquals(await next.echo(pattern(9)), pattern(9));
  program.signal("SIGTERM");
  client.end();
  next.end();
  assertEquals((await program.ended()).code, 0);
});
