import { createSocket } from "node:dgram";
import schema from "../../../docs/bench.schema.json" with { type: "json" };
import { assert, assertEquals } from "../../helpers/assert.ts";
import { RESULT } from "../../helpers/bench_result.ts";
import { FAULTS, FaultyServer } from "../../helpers/faulty.ts";
import { loadJsonSchema } from "../../helpers/json_schema.ts";
import { Program, testProgram as test } from "../../helpers/program.ts";
import { RUNTIMES } from "../../helpers/runtimes.ts";

const compile = await loadJsonSchema();
const validate = compile?.(schema);
const runtimes = validate
  ? RUNTIMES
  : RUNTIMES.map(({ name }) => ({ name, command: "", args: [], lacks: "ajv" }));

Deno.test({
  name: `the schema takes a result, and no other${
    validate ? "" : " (without ajv)"
  }`,
  ignore: !validate,
  fn() {
    assertEquals(validate?.(RESULT), []);
    assertEquals(validate?.({ ...RESULT, exceeded: [], args: [] }), []);
    const { startedAt: _, ...lacking } = RESULT;
    for (
      const wrong of [
        lacking,
        { ...RESULT, seconds: 10 },
        { ...RESULT, durationMs: "10" },
        { ...RESULT, errors: { lost: 64 } },
        { ...RESULT, latencyUs: { ...RESULT.latencyUs, p50: -1 } },
        { ...RESULT, percentilesUs: [{ percent: 101, us: 1 }] },
      ]
    ) assert(validate && validate(wrong).length > 0);
  },
});

test(
  "bench --json writes what its schema says, in every way it sends",
  async (runtime) => {
    await using server = await FaultyServer.start();
    await using faulty = await FaultyServer.start(FAULTS["truncated"]);
    const udp = createSocket("udp4");
    let count = 0;
    udp.on("message", (bytes, { port, address }) => {
      if (++count % 10 > 0) udp.send(bytes, port, address);
    });
    await new Promise<void>((resolve) =>
      udp.bind({ address: "127.0.0.1", port: 0 }, resolve)
    );
    const tcp = `tcp://127.0.0.1:${server.port}`;
    const ways = [
      `-n 200 -s 1..100 ${tcp}`,
      `-n 100 -r 2000 --reconnect --ramp 10ms ${tcp}`,
      `-n 100 --runs 2 ${tcp}`,
      `--warmup 0s -d 150ms --find-rate --max-p99 1ms ${tcp}`,
      `-d 200ms --warmup 0s -r 1000 --max-p99 1ms --min-rate 1 ${tcp}`,
      `-n 100 --churn --percentiles 75,99.999 ${tcp}`,
      `-n 100 --proxy-protocol 2 tcp://127.0.0.1:${faulty.port}`,
      `-n 100 -c 5 --timeout 50ms udp://127.0.0.1:${udp.address().port}`,
    ];
    await Promise.all(ways.map(async (way) => {
      const args = way.split(" ");
      const { stdout } = await Program.run(runtime, "bench", "--json", ...args);
      const result = JSON.parse(stdout);
      assertEquals(validate?.(result), [], way);
      assertEquals(result.args, ["--json", ...args]);
    }));
    await new Promise<void>((resolve) => udp.close(resolve));
  },
  runtimes,
);
