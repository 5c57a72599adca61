import { assert, assertEquals, assertMatch } from "../../helpers/assert.ts";
import {
  makeCertificate,
  TemporaryDirectory,
} from "../../helpers/certificates.ts";
import { Client } from "../../helpers/client.ts";
import { Program, testProgram } from "../../helpers/program.ts";
import { needing, RUNTIMES } from "../../helpers/runtimes.ts";

const [DENO] = RUNTIMES;
const SERVER = { ...DENO, args: [...DENO.args, "--allow-read"] };

/** A test of a client that we did not write, ignored where it is not installed. */
function test(
  clients: string[],
  name: string,
  fn: () => Promise<void>,
): void {
  const runtimes = needing(["bash", ...clients], [DENO]);
  testProgram(`${clients.join(", ")}: ${name}`, () => fn(), runtimes);
}

/** Starts a server with one endpoint, and resolves with its port. */
async function serve(url: string, ...args: string[]) {
  const program = Program.start(SERVER, url, ...args);
  const [, port] = await program.line(/^Listening on .*:(\d+) with faults/);
  return {
    port: Number(port),
    [Symbol.asyncDispose]: () => program[Symbol.asyncDispose](),
  };
}

/** Runs a shell command; the port is `$0`. Its output ends with its exit code. */
async function sh(command: string, port: number): Promise<string> {
  const { code, stdout, stderr } = await new Deno.Command("bash", {
    args: ["-c", command, String(port)],
    env: { LC_ALL: "C" },
  }).output();
  const decoder = new TextDecoder();
  return `${decoder.decode(stdout)}${decoder.decode(stderr)}${code}`;
}

test(["curl"], "gives up on a mute server", async () => {
  await using server = await serve("tcp://127.0.0.1:0?mute");
  assertMatch(
    await sh("curl -sS --max-time 0.5 http://127.0.0.1:$0/", server.port),
    /timed out after \d+ milliseconds with 0 bytes received\n28$/,
  );
});

const RESETS: Record<string, [command: string, output: RegExp]> = {
  curl: [
    "curl -sS --http0.9 http://127.0.0.1:$0/",
    /^GET \/ .*Recv failure: Connection reset by peer\n56$/s,
  ],
  ncat: [
    `printf "GET / 123" | ncat 127.0.0.1 $0`,
    /^GET \/ Ncat: Connection reset by peer\.\n1$/,
  ],
  socat: [
    `printf "GET / 123" | socat -d -t30 - TCP:127.0.0.1:$0`,
    /^GET \/ .*Connection reset by peer\n\d$/s,
  ],
};

for (const [client, [command, output]] of Object.entries(RESETS)) {
  test([client], "gets so many bytes, then a reset", async () => {
    await using server = await serve("tcp://127.0.0.1:0?reset=6");
    assertMatch(await sh(command, server.port), output);
  });
}

const CLOSES: Record<string, string> = {
  nc: "nc -N 127.0.0.1 $0",
  socat: "socat -t30 - TCP:127.0.0.1:$0",
};

for (const [client, command] of Object.entries(CLOSES)) {
  test([client], "gets so many bytes of many, then the end", async () => {
    await using server = await serve("tcp://127.0.0.1:0?close=100000");
    const all = `head -c 1000000 /dev/zero | ${command} 2>/dev/null | wc -c`;
    assertEquals(await sh(all, server.port), "100000\n0");
  });
}

test(["nc"], "sends more than a stalled server echoes at first", async () => {
  await using server = await serve("tcp://127.0.0.1:0?stall=300ms&after=5");
  const start = performance.now();
  assertEquals(
    await sh(`echo "Hello World" | nc -N 127.0.0.1 $0`, server.port),
    "Hello World\n0",
  );
  const time = performance.now() - start;
  assert(time > 290, `${time}`);
});

test(["openssl"], "gets so many bytes over TLS, then the end", async () => {
  using directory = new TemporaryDirectory();
  const [cert, key] = [directory.file("cert.pem"), directory.file("key.pem")];
  makeCertificate(cert, key);
  await using server = await serve(
    "tls://127.0.0.1:0?delay=200ms&close=6",
    `--tls-cert=${cert}`,
    `--tls-key=${key}`,
  );
  const client = "openssl s_client -quiet -connect 127.0.0.1:$0 2>/dev/null";
  assertEquals(
    await sh(`echo "Hello World" | ${client}`, server.port),
    "Hello 0",
  );
});

test(["ss"], "shows that the window of a deaf server is 0", async () => {
  await using server = await serve("tcp://127.0.0.1:0?deaf");
  await using client = await Client.connect(server.port);
  const sending = client.send(new Uint8Array(10_000_000)).catch(() => {});
  for (;;) {
    const receiver = await sh('ss -tinH "sport = :$0"', server.port);
    const sender = await sh('ss -tinH "dport = :$0"', server.port);
    // What the window has room for is shown only where it is not 0.
    const isFull = sender.includes("rwnd_limited") &&
      !sender.includes("snd_wnd");
    if (isFull && /^ESTAB +[1-9]/.test(receiver)) break;
  }
  client[Symbol.asyncDispose]();
  await sending;
});
