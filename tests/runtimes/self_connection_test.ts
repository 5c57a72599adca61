import { refuseSelf } from "../../src/runtimes/self_connection.ts";
import { assertEquals, assertMatch } from "../helpers/assert.ts";
import { Program, testProgram } from "../helpers/program.ts";

/** The one port from which connections start in the network of `alone`. */
const PORT = 40_000;

/** The arguments of `unshare` for a network of its own, in which `script` runs. */
const alone = (script: string, ...args: string[]) => [
  "-rn",
  "sh",
  "-c",
  `ip link set lo up &&
  echo ${PORT} ${PORT} > /proc/sys/net/ipv4/ip_local_port_range && ${script}`,
  "sh",
  ...args,
];

const run = await Deno.permissions.query({ name: "run" });
const canBeAlone = run.state === "granted" && await isPossible();

async function isPossible(): Promise<boolean> {
  try {
    const args = alone("true");
    return (await new Deno.Command("unshare", { args }).output()).success;
  } catch {
    return false;
  }
}

Deno.test("refuseSelf() refuses what has the same two ends, and nothing else", () => {
  const ends = {
    localAddress: "127.0.0.1",
    localPort: PORT,
    remoteAddress: "127.0.0.1",
    remotePort: PORT,
  };
  const { message, code } = { code: "", message: "", ...refuseSelf(ends) };
  assertEquals([message, code], ["", "ECONNREFUSED"]);
  assertEquals(refuseSelf(ends)?.message, "connection refused");
  assertEquals(refuseSelf({ ...ends, localPort: PORT + 1 }), undefined);
  assertEquals(refuseSelf({ ...ends, localAddress: "127.0.0.2" }), undefined);
  // A Unix socket has no such ends.
  assertEquals(refuseSelf({}), undefined);
});

for (const transport of ["tcp", "tls", "udp"]) {
  testProgram(
    `bench does not talk to itself over ${transport}`,
    async ({ command, args }) => {
      if (!canBeAlone) return;
      const bench = [
        ..."mod.ts bench --warmup 0s -c 1 -n 5".split(" "),
        `${transport}://127.0.0.1:${PORT}`,
      ];
      await using program = new Program(
        "unshare",
        alone('exec "$@"', command, ...args, ...bench),
      );
      const { code, stdout, stderr } = await program.ended();
      assertEquals(code, 1);
      assertMatch(stdout + stderr, /connection refused/);
    },
  );
}
