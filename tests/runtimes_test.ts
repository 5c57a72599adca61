import { assertEquals, assertMatch } from "./assert.ts";
import { Program, testProgram } from "./program.ts";
import { RUNTIMES } from "./runtimes.ts";

const [, NODE, BUN] = RUNTIMES;

testProgram("fulfils the contract", async ({ command }) => {
  await using tests = new Program(command, [
    "--test",
    "tests/run_contracts.ts",
  ]);
  const { code, stdout } = await tests.ended();
  assertEquals(code, 0, stdout);
  assertMatch(stdout, /^(# |ℹ )pass 2[2-9]$/m);
}, [NODE]);

testProgram("fulfils the contract", async ({ command }) => {
  await using tests = new Program(command, [
    "test",
    "./tests/run_contracts.ts",
  ]);
  const { code, stderr } = await tests.ended();
  assertEquals(code, 0, stderr);
  assertMatch(stderr, /^ 2[2-9] pass$/m);
}, [BUN]);
