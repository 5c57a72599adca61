import { assert, assertEquals, assertMatch } from "../../helpers/assert.ts";
import {
  makeCertificate,
  TemporaryDirectory,
} from "../../helpers/certificates.ts";
import { Program, testProgram } from "../../helpers/program.ts";
import { needing, type Runtime, RUNTIMES } from "../../helpers/runtimes.ts";

const [DENO, NODE] = RUNTIMES;
const FILES = ["--allow-read", "--allow-write"];

/** The ways to send, each with 20 messages of 100 bytes. */
const WAYS = ["-c 3", "--churn", "--workers 2", "-c 3 --ramp 10ms"];

/** A runtime with more permissions, which only Deno wants. */
function permit(runtime: Runtime, ...flags: readonly string[]): Runtime {
  return runtime.name === "Deno"
    ? { ...runtime, args: [...runtime.args, ...flags] }
    : runtime;
}

/** Loads a server over 20 messages, each way, with a header of each version. */
async function load(
  runtime: Runtime,
  ways: readonly string[],
  ...args: string[]
): Promise<void> {
  await Promise.all(ways.flatMap((way) =>
    ["1", "2"].map(async (version) => {
      const { code, stdout, stderr } = await Program.run(
        permit(runtime, ...FILES),
        ..."bench --json -n 20 -s 100 --proxy-protocol".split(" "),
        version,
        ...way.split(" "),
        ...args,
      );
      assertEquals([code, stderr], [0, ""], way);
      const { messages, bytes, options } = JSON.parse(stdout);
      assertEquals([messages, bytes], [20, 2_000]);
      assertEquals(options.proxyProtocol, Number(version));
    })
  ));
}

/** Ends a server that `load` has loaded so many times, and checks what it has seen. */
async function check(program: Program, loads: number): Promise<void> {
  program.signal("SIGTERM");
  assertEquals((await program.ended()).code, 0);
  const lines = program.lines.map((line) => JSON.parse(line));
  const { refused, bytes } = lines.at(-1);
  assertEquals([refused, bytes], [0, loads * 2_000]);
  const opened = lines.filter(({ event }) => event === "open");
  assert(opened.length >= loads);
  for (const { remote, via } of opened) assertEquals(remote, via);
}

testProgram("bench sends PROXY headers over TCP", async (runtime) => {
  // The header differs with the addresses, and not with the way.
  const cases = [["127.0.0.1", WAYS], ["[::1]", ["-c 3"]]] as const;
  for (const [host, ways] of cases) {
    await using program = Program.start(
      DENO,
      `tcp://${host}:0?proxy=127.0.0.0/8&proxy=::1`,
      ..."-v --log-format json".split(" "),
    );
    const port = await program.port();
    await load(runtime, ways, `tcp://${host}:${port}`);
    await check(program, 2 * ways.length);
  }
});

testProgram("bench sends PROXY headers over Unix sockets", async (runtime) => {
  using directory = new TemporaryDirectory();
  const path = directory.file("echo.sock");
  await using program = Program.start(
    permit(DENO, ...FILES),
    `unix://${path}?proxy=unix`,
    ..."-v --log-format json".split(" "),
  );
  await program.line(/"listening"/);
  await load(runtime, ["-c 3"], `unix://${path}`);
  program.signal("SIGTERM");
  assertEquals((await program.ended()).code, 0);
  const vias = program.lines.map((line) => JSON.parse(line))
    .filter(({ event }) => event === "open").map(({ via }) => via);
  // A line has no Unix socket for a client; then it is the balancer itself.
  assertEquals(vias.filter((via) => via === "unix:").length, 3);
  assertEquals(vias.filter((via) => via === undefined).length, 3);
});

testProgram("bench sends PROXY headers before TLS", async (runtime) => {
  using directory = new TemporaryDirectory();
  const [cert, key] = [directory.file("cert.pem"), directory.file("key.pem")];
  makeCertificate(cert, key);
  await using program = Program.start(
    NODE,
    "tls://127.0.0.1:0?proxy=127.0.0.1",
    `--tls-cert=${cert}`,
    `--tls-key=${key}`,
    ..."-v --log-format json".split(" "),
  );
  const port = await program.port();
  const ways = ["-c 3", "--churn"];
  await load(runtime, ways, `tls://localhost:${port}`, `--tls-ca=${cert}`);
  await load(runtime, ways, `tls://127.0.0.1:${port}`, "-k");
  await check(program, 4 * ways.length);
}, needing(["openssl"]));

testProgram("bench says that its PROXY header is refused", async (runtime) => {
  using directory = new TemporaryDirectory();
  const [cert, key] = [directory.file("cert.pem"), directory.file("key.pem")];
  makeCertificate(cert, key);
  await using program = Program.start(
    NODE,
    "tcp://127.0.0.1:0?proxy=192.0.2.1",
    "tls://127.0.0.1:0?proxy=192.0.2.1",
    `--tls-cert=${cert}`,
    `--tls-key=${key}`,
  );
  const [, tls] = await program.line(/Listening on tls:.*:(\d+)$/);
  for (
    const args of [[`tcp://127.0.0.1:${await program.port()}`], [
      `tls://127.0.0.1:${tls}`,
      "-k",
    ]]
  ) {
    const { code, stdout, stderr } = await Program.run(
      runtime,
      ..."bench -c 1 -n 1 --proxy-protocol 2".split(" "),
      ...args,
    );
    assertEquals(code, 1);
    assertMatch(
      stdout + stderr,
      /(ended|reset) by the server|TLS failed: the peer left during the handshake/,
    );
  }
}, needing(["openssl"]));
