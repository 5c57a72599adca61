import { assertEquals } from "../helpers/assert.ts";
import { Program, testProgram as test } from "../helpers/program.ts";
import { FaultyServer } from "../helpers/faulty.ts";
import type { Runtime } from "../helpers/runtimes.ts";

/** Runs the program in a shell, where `$run` stands for it. */
async function shell(runtime: Runtime, line: string) {
  await using program = new Program("bash", [
    "-c",
    `run() { "$0" "\${args[@]}" "$@"; }; args=("$@"); ${line}; exit \${code:-$?}`,
    runtime.command,
    ...runtime.args,
    "mod.ts",
  ]);
  const { code, stderr } = await program.ended();
  return { code, stderr };
}

/** What is asked for, by its name; each ends with 0. */
const ASKED: Record<string, string> = {
  "--help": "--help",
  "--version": "--version",
  "bench --help": "bench --help",
};

for (const [name, args] of Object.entries(ASKED)) {
  test(`${name} into a pipe that nobody reads is silent, and 0`, async (runtime) => {
    assertEquals(
      await shell(runtime, `run ${args} | true; code=\${PIPESTATUS[0]}`),
      { code: 0, stderr: "" },
    );
  });

  test(`${name} into what is full is one line, and 1`, async (runtime) => {
    assertEquals(await shell(runtime, `run ${args} >/dev/full`), {
      code: 1,
      stderr: "Cannot write to standard output: no space left on the device\n",
    });
    assertEquals(await shell(runtime, `run ${args} >/dev/full 2>&1`), {
      code: 1,
      stderr: "",
    });
  });
}

test("what is wrong is told by the exit code where nobody reads the line", async (runtime) => {
  const wrong = ["--port=x", "bench --size=x tcp://127.0.0.1:7"];
  for (const args of wrong) {
    for (
      const to of ["2>/dev/full", "2>&1 >&- | true; code=${PIPESTATUS[0]}"]
    ) {
      assertEquals(await shell(runtime, `run ${args} ${to}`), {
        code: 2,
        stderr: "",
      });
    }
  }
  assertEquals(
    await shell(runtime, "run --hostname=no.such.host.invalid 2>/dev/full"),
    { code: 1, stderr: "" },
  );
});

test("bench's result is lost in silence where nobody reads it, and not where it is full", async (runtime) => {
  await using server = await FaultyServer.start();
  const args = `bench -n 10 -c 1 tcp://127.0.0.1:${server.port}`;
  for (const json of ["", "--json"]) {
    const line = `run ${args} ${json}`;
    assertEquals(
      await shell(runtime, `${line} | true; code=\${PIPESTATUS[0]}`),
      { code: 0, stderr: "" },
    );
    assertEquals(await shell(runtime, `${line} >/dev/full`), {
      code: 1,
      stderr: "Cannot write to standard output: no space left on the device\n",
    });
  }
});
