import { assert, assertEquals } from "../../helpers/assert.ts";
import { Program, testProgram } from "../../helpers/program.ts";
import { RUNTIMES } from "../../helpers/runtimes.ts";

const [DENO, _, BUN] = RUNTIMES;

// A loop on Deno starves its own connections, a client's too, unless it takes care.
testProgram("500 busy clients get the same service", async (runtime) => {
  await using program = Program.start(DENO, "-p", "0");
  const endpoint = `tcp://127.0.0.1:${await program.port()}`;
  const { code, stdout } = await Program.run(
    runtime,
    // Not for a time: on a busy machine there would be too few to compare.
    ..."bench --json -c 500 -n 100000".split(" "),
    endpoint,
  );
  assertEquals(code, 0);
  const { least, most } = JSON.parse(stdout).perConnection;
  assert(least >= 0.8 * most, `least ${least}, most ${most} messages`);
}, [DENO, BUN]);
