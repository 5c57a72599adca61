import { assert, assertEquals } from "../../helpers/assert.ts";
import { Program, testProgram } from "../../helpers/program.ts";
import { RUNTIMES } from "../../helpers/runtimes.ts";
import { canFail, failing } from "../../helpers/system_calls.ts";

/** socket(AF_INET6) fails with EAFNOSUPPORT. */
const WITHOUT_IPV6 = { call: 41, argument: 0, value: 10, error: 97 };

testProgram(
  "every address is 0.0.0.0 without IPv6",
  async ({ command, args }) => {
    const endpoints = ["tcp://:0", "udp://:0", "tcp://[::]:0"];
    for (const more of [[], ["--workers", "2"]]) {
      // Deno shares a port only with this flag, and has to read the worker.
      const [run, ...rest] = args;
      const flags = run && more.length > 0
        ? [run, ...rest, "--unstable-net", "--allow-read"]
        : args;
      const served = more.length > 0 ? endpoints.slice(0, 1) : endpoints;
      await using program = new Program(
        "python3",
        failing(WITHOUT_IPV6, [
          command,
          ...flags,
          "mod.ts",
          ...served,
          ...more,
        ]),
      );
      await program.line(/^Listening on/);
      while (listening(program).length < served.length) {
        await new Promise((resolve) => setTimeout(resolve, 1));
      }
      assertEquals(
        listening(program).map((line) => line.replace(/\d+$/, "")),
        served.map((url) => `Listening on ${url.slice(0, 6)}0.0.0.0:`),
      );
      program.signal("SIGTERM");
      assert((await program.ended()).code === 0);
    }
  },
  canFail ? RUNTIMES : [],
);

function listening({ lines }: Program): string[] {
  return lines.filter((line) => line.startsWith("Listening on"));
}
