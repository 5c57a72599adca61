import { assertEquals, assertMatch } from "../helpers/assert.ts";
import { contracts } from "../contracts/contracts.ts";
import { Program, testProgram } from "../helpers/program.ts";
import { fetchRuntime, type Runtime, RUNTIMES } from "../helpers/runtimes.ts";

const [, NODE, BUN] = RUNTIMES;
const OLD_NODE: Runtime = {
  name: "Node 24.1",
  command: fetchRuntime("node@24.1", "console.log(process.execPath)"),
  args: [],
};

/** There are more than a hundred tests in one, on a machine that may be busy. */
const TIMEOUT = 300_000;

let expected = 0;
contracts((_name, _run, ignore = false) => {
  if (!ignore) expected++;
});

testProgram(
  "fulfils the contract",
  async ({ command }) => {
    await using tests = new Program(command, [
      "--test",
      "tests/contracts/run_contracts.ts",
    ]);
    const { code, stdout } = await tests.ended();
    assertEquals(code, 0, stdout);
    assertMatch(stdout, RegExp(`^(# |ℹ )pass ${expected}$`, "m"));
  },
  [NODE],
  TIMEOUT,
);

testProgram(
  "fulfils the contract",
  async ({ command }) => {
    await using tests = new Program(command, [
      "test",
      // Bun's own limit of 5 s is too little on a busy machine.
      "--timeout=60000",
      "./tests/contracts/run_contracts.ts",
    ]);
    const { code, stderr } = await tests.ended();
    assertEquals(code, 0, stderr);
    assertMatch(stderr, RegExp(`^ ${expected} pass$`, "m"));
  },
  [BUN],
  TIMEOUT,
);

testProgram("says that it is too old", async (runtime) => {
  const { code, stderr } = await Program.run(runtime, "-p", "0");
  assertEquals(code, 1);
  assertMatch(
    stderr,
    /^Cannot listen on tcp:\/\/127\.0\.0\.1:0: Node 24\.1\.0 is too old: 24\.2 or later is needed$/m,
  );
}, [OLD_NODE]);
