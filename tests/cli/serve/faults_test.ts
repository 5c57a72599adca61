import { assert, assertEquals, assertRejects } from "../../helpers/assert.ts";
import { certificate, TemporaryDirectory } from "../../helpers/certificates.ts";
import { Client, pattern } from "../../helpers/client.ts";
import { Peer } from "../../helpers/peer.ts";
import { Program, testProgram as test } from "../../helpers/program.ts";
import { needing, type Runtime, RUNTIMES } from "../../helpers/runtimes.ts";

const [DENO] = RUNTIMES;

/** A server with one endpoint. */
class Faulty implements AsyncDisposable {
  readonly program: Program;
  readonly #scheme: string;

  constructor(runtime: Runtime, url: string, ...args: string[]) {
    this.program = Program.start(runtime, "-v", url, ...args);
    this.#scheme = url.split(":")[0] ?? "";
  }

  async port(): Promise<number> {
    const line = RegExp(`^Listening on ${this.#scheme}:.*:(\\d+) with faults`);
    return Number((await this.program.line(line))[1]);
  }

  async connect(): Promise<Client> {
    const port = await this.port();
    return this.#scheme === "tls"
      ? await Client.connectTls(port)
      : await Client.connect(port);
  }

  /** Resolves when the first connection has ended as it should. */
  async closed(reason: string, bytes: string): Promise<void> {
    await this.program.line(
      RegExp(`^#1 .* closed \\(${reason}\\): ${bytes} echoed`),
    );
  }

  async [Symbol.asyncDispose]() {
    await this.program[Symbol.asyncDispose]();
  }
}

/** A runtime that may do all that a test of TLS needs. */
function withAll(runtime: Runtime): Runtime {
  return runtime === DENO
    ? { ...runtime, args: [...runtime.args, "--allow-read"] }
    : runtime;
}

/** Receives until the connection is reset; returns how many bytes came. */
async function receiveUntilReset(client: Client): Promise<number> {
  let count = 0;
  const error = await assertRejects(async () => {
    for (let bytes; (bytes = await client.receive());) count += bytes.length;
  }, Error);
  assert("code" in error);
  assertEquals(error.code, "ECONNRESET");
  return count;
}

test("delay: each echo comes so much later", async (runtime) => {
  await using faulty = new Faulty(runtime, "tcp://127.0.0.1:0?delay=300ms");
  await using client = await faulty.connect();
  const start = performance.now();
  assertEquals(await client.echo(pattern(100_000)), pattern(100_000));
  const time = performance.now() - start;
  assert(time > 290, `${time}`);
  client.end();
  assertEquals(await client.receive(), null);
  await faulty.closed("eof", "97.7 KiB");
});

test("reset: exactly so many bytes, then ECONNRESET", async (runtime) => {
  await using faulty = new Faulty(
    withAll(runtime),
    "tcp://127.0.0.1:0?reset=100000",
  );
  await using client = await faulty.connect();
  await client.send(pattern(100_001));
  assertEquals(await receiveUntilReset(client), 100_000);
  await faulty.closed("fault: reset", "97.7 KiB");
});

test("reset=0: ECONNRESET at once", async (runtime) => {
  await using faulty = new Faulty(runtime, "tcp://127.0.0.1:0?reset=0");
  await using client = await faulty.connect();
  assertEquals(await receiveUntilReset(client), 0);
});

test(
  "reset over TLS: exactly so many bytes, then ECONNRESET",
  async (runtime) => {
    using directory = new TemporaryDirectory();
    const [cert, key] = [directory.file("cert.pem"), directory.file("key.pem")];
    const pem = certificate();
    Deno.writeTextFileSync(cert, pem.cert);
    Deno.writeTextFileSync(key, pem.key);
    await using faulty = new Faulty(
      withAll(runtime),
      "tls://127.0.0.1:0?reset=100000",
      `--tls-cert=${cert}`,
      `--tls-key=${key}`,
    );
    await using client = await faulty.connect();
    await client.send(pattern(100_001));
    assertEquals(await receiveUntilReset(client), 100_000);
    await faulty.closed("fault: reset", "97.7 KiB");
  },
  needing(["openssl"]),
);

test("close: exactly so many bytes, then the end", async (runtime) => {
  await using faulty = new Faulty(runtime, "tcp://127.0.0.1:0?close=100000");
  await using client = await faulty.connect();
  client.send(pattern(1_000_000)).catch(() => {});
  assertEquals(await client.receivePattern(), 100_000);
  client.end();
  await faulty.closed("fault: close", "97.7 KiB");
});

test("UDP: the same datagrams are dropped and sent twice again", async (runtime) => {
  const results: string[] = [];
  for (let count = 0; count < 2; count++) {
    await using faulty = new Faulty(
      runtime,
      "udp://127.0.0.1:0?drop=20%&duplicate=20%&seed=5",
    );
    const addr = {
      transport: "udp",
      hostname: "127.0.0.1",
      port: await faulty.port(),
    } as const;
    await using peer = await Peer.open({ addr });
    for (let byte = 0; byte < 50; byte++) {
      await peer.send(new Uint8Array([byte]));
    }
    // With this seed, the last one is not dropped.
    while ((await peer.receive())[0] !== 49);
    faulty.program.signal("SIGTERM");
    const { stderr } = await faulty.program.ended();
    results.push(stderr.match(/\d+ datagrams \(\d+ dropped\)/)?.[0] ?? "");
  }
  const [first = "", second] = results;
  assertEquals(first, second);
});

test("workers have the faults too, and JSON says which", async (runtime) => {
  await using program = Program.start(
    withAll(runtime),
    "-v",
    "--log-format=json",
    "--workers=2",
    "tcp://127.0.0.1:0?close=3&share=100%",
    "udp://127.0.0.1:0",
  );
  const [, port] = await program.line(/"tcp:\/\/127\.0\.0\.1:(\d+)"/);
  await program.line(/"udp:/);
  assertEquals(
    program.lines.map((line) => JSON.parse(line)).map(({ faults }) => faults),
    [{ close: 3, share: 100 }, undefined],
  );
  await using client = await Client.connect(Number(port));
  await client.send(pattern(10));
  assertEquals(await client.receiveExactly(3), pattern(3));
  assertEquals(await client.receive(), null);
  client.end();
  const [line = ""] = await program.line(/.*"event":"close".*/);
  const { reason, fault, bytes } = JSON.parse(line);
  assertEquals([reason, fault, bytes], ["fault", "close", 3]);
});

test("a fault that is wrong is one line and 2", async (runtime) => {
  const { code, stderr } = await Program.run(runtime, "tcp://:0?dealy=50ms");
  assertEquals(code, 2);
  assertEquals(
    stderr,
    'Unknown parameter "dealy" in "tcp://:0?dealy=50ms": tcp:// accepts ' +
      "delay, jitter, window, rate, slice, stall, after, reset, close, deaf, " +
      "mute, corrupt, share, seed, proxy\n",
  );
});
