import { assert, assertEquals } from "./assert.ts";
import { Program } from "./program.ts";
import { RUNTIMES } from "./runtimes.ts";

const [DENO] = RUNTIMES;
const { state } = await Deno.permissions.query({ name: "run" });

Deno.test({
  name: "1,000 busy clients get the same service",
  ignore: state !== "granted",
  timeout: 120_000,
  async fn() {
    await using program = Program.start(DENO, "-p", "0");
    const port = String(await program.port());
    // A client on Deno starves its own connections; one on Bun does not.
    const load = ["tests/bench/load.ts", "load", port, "1000", "64", "2"];
    await using client = new Program("npx", ["--yes", "bun@1", ...load]);
    const { code, stdout } = await client.ended();
    assertEquals(code, 0);
    const { least, most } = JSON.parse(stdout.trim().split("\n").at(-1) ?? "");
    assert(least >= 0.8 * most, `least ${least}, most ${most} messages`);
  },
});
