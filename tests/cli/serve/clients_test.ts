import { assertEquals, assertMatch } from "../../helpers/assert.ts";
import {
  makeCertificate,
  TemporaryDirectory,
} from "../../helpers/certificates.ts";
import { Client, pattern } from "../../helpers/client.ts";
import { Program, testProgram } from "../../helpers/program.ts";
import { needing, RUNTIMES } from "../../helpers/runtimes.ts";

const [DENO] = RUNTIMES;

/** A test with real clients, ignored where one is not installed. */
function test(
  clients: string[],
  name: string,
  fn: (port: number) => Promise<void>,
): void {
  testProgram(
    `${clients.join(", ")}: ${name}`,
    async (runtime) => {
      await using program = Program.start(runtime, "-p", "0");
      await fn(await program.port());
      program.signal("SIGTERM");
      assertEquals((await program.ended()).code, 0);
    },
    needing(["bash", ...clients], [DENO]),
  );
}

/** Runs a shell command. The port, or the path, is `$0`. */
async function sh(command: string, place: number | string): Promise<string> {
  const { stdout, stderr } = await new Deno.Command("bash", {
    args: ["-c", command, String(place)],
  }).output();
  const decoder = new TextDecoder();
  return decoder.decode(stdout) + decoder.decode(stderr);
}

const ONE_LINERS: Record<string, string> = {
  nc: `echo "Hello World" | nc -q0 localhost $0`,
  socat: `echo "Hello World" | socat -t30 - TCP:localhost:$0`,
  ncat: `echo "Hello World" | ncat localhost $0`,
};

for (const [client, command] of Object.entries(ONE_LINERS)) {
  test([client], "gets its line back, then the end", async (port) => {
    assertEquals(await sh(command, port), "Hello World\n");
  });
}

const BULK: Record<string, string> = {
  nc: "nc -N localhost $0",
  socat: "socat -t30 - TCP:localhost:$0",
  ncat: "ncat localhost $0",
};

for (const [client, command] of Object.entries(BULK)) {
  test([client], "gets 16 MiB back unchanged", async (port) => {
    const bytes = "yes 0123456789abcdef | head -c 16777216";
    assertEquals(
      await sh(`${bytes} | ${command} | cmp - <(${bytes}) && echo same`, port),
      "same\n",
    );
  });
}

test(
  ["nc"],
  "the second client does not wait for an idle first one",
  async (port) => {
    // The failing scene of a synchronous server.
    await using idle = await Client.connect(port);
    await idle.echo(pattern(1));
    assertEquals(
      await sh(`echo "Hello World" | nc -q0 localhost $0`, port),
      "Hello World\n",
    );
  },
);

test(["nc"], "port scans are nothing", async (port) => {
  await sh("for i in $(seq 50); do nc -z localhost $0; done", port);
  assertEquals(await sh(`echo after | nc -q0 localhost $0`, port), "after\n");
});

test(["socat"], "a reset with data unread is nothing", async (port) => {
  const reset =
    "socat -u OPEN:/dev/zero,readbytes=1000000 TCP:localhost:$0,linger=0";
  await sh(`for i in $(seq 10); do ${reset}; done 2>/dev/null`, port);
  assertEquals(await sh(`echo after | nc -q0 localhost $0`, port), "after\n");
});

/** A test with real clients of an endpoint, on every runtime. */
function testEndpoint(
  clients: string[],
  name: string,
  endpoint: string,
  fn: (place: string, program: Program) => Promise<void>,
  ...options: string[]
): void {
  testProgram(`${clients.join(", ")}: ${name}`, async (runtime) => {
    using directory = new TemporaryDirectory();
    const file = (name: string) => directory.file(name);
    const pem = [`--tls-cert=${file("cert")}`, `--tls-key=${file("key")}`];
    makeCertificate(file("cert"), file("key"));
    await using program = new Program(runtime.command, [
      ...runtime.args.map((arg) => arg === "--allow-net" ? "-A" : arg),
      "mod.ts",
      "-v",
      endpoint.replace("DIRECTORY", file("")),
      ...options,
      ...(endpoint.startsWith("tls:") ? pem : []),
    ]);
    const [, place = ""] = await program.line(/^Listening on \w+:\/\/(.*)$/);
    await fn(place, program);
    program.signal("SIGTERM");
    assertEquals((await program.ended()).code, 0);
  }, needing(["bash", "openssl", ...clients]));
}

const TCP: Record<string, string> = {
  nc: "nc -N ${0/:/ }",
  socat: "socat -t30 - TCP:$0",
  ncat: "ncat ${0/:/ }",
};
const UNIX: Record<string, string> = {
  nc: "nc -N -U $0",
  socat: "socat -t30 - UNIX-CONNECT:$0",
  ncat: "ncat -U $0",
};
const TLS: Record<string, string> = {
  socat: "socat -t30 - OPENSSL:$0,verify=0",
  ncat: "ncat --ssl ${0/:/ }",
};

for (
  const [endpoint, commands] of Object.entries({
    "tcp://127.0.0.1:0": TCP,
    "unix://DIRECTORY/echod.sock": UNIX,
    "tls://127.0.0.1:0": TLS,
  })
) {
  testEndpoint(
    Object.keys(commands),
    `${endpoint.split(":")[0]}, a line and 4 MiB unchanged`,
    endpoint,
    async (place, program) => {
      const bytes = "yes 0123456789abcdef | head -c 4194304";
      for (const command of Object.values(commands)) {
        const line = await sh(`echo "Hello World" | ${command}`, place);
        assertEquals(line, "Hello World\n");
        const same = `cmp - <(${bytes}) && echo same`;
        assertEquals(
          await sh(`${bytes} | ${command} | ${same}`, place),
          "same\n",
        );
      }
      const count = 2 * Object.keys(commands).length;
      await program.line(RegExp(`^#${count} .* closed`));
      const ends = program.lines.filter((line) => line.includes("closed"));
      assertEquals(ends.filter((line) => !line.includes("(eof)")), []);
    },
  );
}

testEndpoint(
  ["openssl"],
  "TLS 1.2 and 1.3, and a close_notify in the end",
  "tls://127.0.0.1:0",
  async (place) => {
    await Promise.all(["1.2", "1.3"].map(async (version) => {
      const option = `-tls${version.replace(".", "_")}`;
      const out = await sh(
        `echo "Hello World" |
        openssl s_client ${option} -quiet -ign_eof -msg -connect $0`,
        place,
      );
      assertMatch(out, /^Hello World$/m);
      assertMatch(
        out,
        RegExp(`^<<< TLS ${version}, Alert .* warning close_notify$`, "m"),
      );
    }));
  },
  "--idle-timeout=1s",
);

testEndpoint(
  ["nc", "socat"],
  "udp, a line each",
  "udp://127.0.0.1:0",
  async (place) => {
    const commands = [
      "nc -u -W1 ${0/:/ }",
      "socat -t30 - UDP:$0,readbytes=12",
    ];
    for (const command of commands) {
      const line = await sh(`echo "Hello World" | ${command}`, place);
      assertEquals(line, "Hello World\n");
    }
  },
);
