import { assertEquals } from "./assert.ts";
import { Client, pattern } from "./client.ts";
import { Program } from "./program.ts";
import { RUNTIMES } from "./runtimes.ts";

/** Nothing hangs for longer than this, in milliseconds. */
const TIMEOUT = 60_000;

const [DENO] = RUNTIMES;
const granted = (await Deno.permissions.query({ name: "run" })).state ===
  "granted";

/** A test with real clients, ignored where one is not installed. */
function test(
  clients: string[],
  name: string,
  fn: (port: number) => Promise<void>,
): void {
  const ignore = !granted || !clients.every(isInstalled);
  Deno.test({
    name: `${clients.join(", ")}: ${name}`,
    ignore,
    timeout: TIMEOUT,
    async fn() {
      await using program = Program.start(DENO, "-p", "0");
      await fn(await program.port());
      program.signal("SIGTERM");
      assertEquals((await program.ended()).code, 0);
    },
  });
}

function isInstalled(command: string): boolean {
  const { success } = new Deno.Command("sh", {
    args: ["-c", `command -v "$0" >/dev/null`, command],
  }).outputSync();
  return success;
}

/** Runs a shell command. The port is `$0`. */
async function sh(command: string, port: number): Promise<string> {
  const { stdout, stderr } = await new Deno.Command("bash", {
    args: ["-c", command, String(port)],
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
