import { assertEquals, assertMatch } from "../../helpers/assert.ts";
import { Program, testProgram } from "../../helpers/program.ts";
import { RUNTIMES } from "../../helpers/runtimes.ts";
import { canFail, failing } from "../../helpers/system_calls.ts";

/** Numbers of errors of Linux, and their reasons. */
const REASONS: readonly (readonly [number, string])[] = [
  [113, "no way to that host"],
  [101, "no way to that network"],
  [13, "permission denied"],
  [111, "connection refused"],
];

testProgram(
  "bench says why it cannot connect, as the system says it",
  async ({ command, args }) => {
    for (const [error, reason] of REASONS) {
      // connect() to an IPv4 address, whose length is 16 bytes, fails.
      const connect = { call: 42, argument: 2, value: 16, error };
      const endpoint = "tcp://127.0.0.1:9";
      await using bench = new Program(
        "python3",
        failing(connect, [command, ...args, "mod.ts", "bench", endpoint]),
      );
      const { code, stderr } = await bench.ended();
      assertEquals(
        [code, stderr.trim().split("\n").at(-1)],
        [1, `Cannot connect to ${endpoint}: ${reason}`],
      );
    }
  },
  canFail ? RUNTIMES : [],
);

testProgram(
  "bench over UDP says why nothing can be sent, as the system says it",
  async ({ name, command, args }) => {
    for (const [error, reason] of REASONS) {
      // Deno connects no UDP socket: there sendto() to an IPv4 address fails.
      const call = name === "Deno"
        ? { call: 44, argument: 5, value: 16, error }
        : { call: 42, argument: 2, value: 16, error };
      const program = [command, ...args, "mod.ts", "bench", "-n", "1"];
      await using bench = new Program(
        "python3",
        failing(call, [...program, "udp://127.0.0.1:9"]),
      );
      const { code, stdout, stderr } = await bench.ended();
      assertEquals(code, 1);
      assertMatch(stdout + stderr, RegExp(`: ${reason}$`, "m"));
    }
  },
  canFail ? RUNTIMES : [],
);
