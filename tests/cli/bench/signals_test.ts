import { assert, assertEquals } from "../../helpers/assert.ts";
import { FaultyServer } from "../../helpers/faulty.ts";
import { Program, testProgram as test } from "../../helpers/program.ts";

test("signals end bench on a machine that has no descriptor left", async (runtime) => {
  // It never answers, so that bench has something to wait for.
  await using server = await FaultyServer.start(() => () => []);
  await using program = new Program("bash", [
    "-c",
    `ulimit -n 64; exec "$0" "$@"`,
    runtime.command,
    ...runtime.args,
    "mod.ts",
    ..."bench --warmup 0s -d 1h -c 1000".split(" "),
    `tcp://127.0.0.1:${server.port}`,
  ]);
  await server.reached;
  const ended = program.ended();
  let signals = 0;
  // Two that come at once can be one, so there is time between them.
  const timer = setInterval(() => {
    signals++;
    try {
      program.signal("SIGINT");
    } catch {
      // It has ended meanwhile.
    }
  }, 1_000);
  const { code, stderr } = await ended.finally(() => clearInterval(timer));
  assert([0, 1, 130].includes(code), `It ended with ${code}`);
  assert(signals < 10, `It took ${signals} signals`);
  assertEquals(/panick|^ +at /m.test(stderr), false, stderr);
});
