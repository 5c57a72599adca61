import type { BenchResult } from "../../src/bench/bench.ts";
import { assert, assertEquals } from "../helpers/assert.ts";
import { missing } from "../helpers/commands.ts";
import { Program, testProgram } from "../helpers/program.ts";
import { needing, RUNTIMES } from "../helpers/runtimes.ts";
import { Fleet } from "./fleet.ts";

const [DENO, , BUN] = RUNTIMES;
const ignore = missing("haproxy").length > 0;

Deno.test({
  name: `HAProxy accepts its configuration${ignore ? " (without it)" : ""}`,
  ignore,
  async fn() {
    const args = ["-c", "-f", "deploy/haproxy/haproxy.cfg"];
    const { code, stdout, stderr } = await new Program("haproxy", args).ended();
    assertEquals([code, stdout], [0, "Configuration file is valid\n"], stderr);
    assert(!/WARNING|ALERT/.test(stderr), stderr);
  },
});

testProgram(
  "behind HAProxy a restart fails no client, and a killed server no newcomer",
  async (runtime) => {
    await using fleet = await Fleet.start(runtime);
    const load = [
      "bench",
      "--churn",
      "-c50",
      "-r1000",
      "--duration=1h",
      "--json",
    ];
    await using bench = Program.start(BUN, ...load, fleet.endpoint);
    const [first] = fleet.servers;
    assert(first);
    await fleet.until(0, ({ clients }) => clients >= 100);
    first.signal("SIGTERM");
    await fleet.until(0, ({ isUp }) => !isUp);
    assertEquals((await first.ended()).code, 0);
    const totals = first.lines.at(-1) ?? "";
    assert(/terminated: [1-9]\d* connections, \d/.test(totals), totals);
    await fleet.startAgain(0);
    await fleet.until(0, ({ isUp }) => isUp);
    bench.signal("SIGINT");
    const { stdout } = await bench.ended();
    const { messages, errors }: BenchResult = JSON.parse(stdout);
    assertEquals(errors, {});
    assert(messages > 1_000, `${messages} messages`);

    // Nobody is connected: so nobody is cut.
    fleet.servers[1]?.signal("SIGKILL");
    await using late = Program.start(
      BUN,
      ...["bench", "--churn", "-c1", "-n100", "--json"],
      fleet.endpoint,
    );
    assertEquals(JSON.parse((await late.ended()).stdout).errors, {});
    await fleet.until(1, ({ isUp }) => !isUp);
  },
  BUN.command === "" ? [] : needing(["haproxy"], [DENO]),
);
