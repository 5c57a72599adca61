import { X509Certificate } from "node:crypto";
import { connect } from "node:tls";
import { assertEquals } from "../../helpers/assert.ts";
import {
  makeCertificate,
  TemporaryDirectory,
} from "../../helpers/certificates.ts";
import { Client, pattern } from "../../helpers/client.ts";
import { Program, testProgram as test } from "../../helpers/program.ts";
import type { Runtime } from "../../helpers/runtimes.ts";

/** Those of Deno and Bun cannot be replaced. */
const RELOADED = /^Reloaded certificate and key of 1 endpoint$/;
const NOT_RELOADED =
  /^Cannot reload certificate and key, the old ones stay: only on Node can they be replaced without a restart$/;

/** The certificate that a port shows. */
function certificateOf(port: number): Promise<string> {
  return new Promise((resolve, reject) => {
    const socket = connect(
      { port, host: "127.0.0.1", rejectUnauthorized: false },
      () => {
        resolve(
          new X509Certificate(socket.getPeerCertificate().raw).toString(),
        );
        socket.destroy();
      },
    );
    socket.once("error", reject);
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

    await Deno.writeTextFile(key, "bad");
    program.signal("SIGHUP");
    await program.line(
      /^Cannot reload certificate and key, the old ones stay: .*key holds no private key in PEM/,
    );
    assertEquals(await certificateOf(port), first);

    makeCertificate(cert, key);
    program.signal("SIGHUP");
    const isReloaded = runtime.name === "Node";
    await program.line(isReloaded ? RELOADED : NOT_RELOADED);
    for (let count = 0; count < 8; count++) {
      assertEquals(await certificateOf(port) !== first, isReloaded);
    }
    assertEquals(program.lines.length, 3);
  });
}

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
