import { assertEquals, assertMatch } from "./assert.ts";
import { contracts } from "./contracts.ts";
import { Program, testProgram } from "./program.ts";
import { RUNTIMES } from "./runtimes.ts";

const [, NODE, BUN] = RUNTIMES;

let expected = 0;
contracts(() => void expected++);

testProgram("fulfils the contract", async ({ command }) => {
  await using tests = new Program(command, [
    "--test",
    "tests/run_contracts.ts",
  ]);
  const { code, stdout } = await tests.ended();
  assertEquals(code, 0, stdout);
  assertMatch(stdout, RegExp(`^(# |ℹ )pass ${expected}$`, "m"));
}, [NODE]);

testProgram("fulfils the contract", async ({ command }) => {
  await using tests = new Program(command, [
    "test",
    "./tests/run_contracts.ts",
  ]);
  const { code, stderr } = await tests.ended();
  assertEquals(code, 0, stderr);
  assertMatch(stderr, RegExp(`^ ${expected} pass$`, "m"));
}, [BUN]);
