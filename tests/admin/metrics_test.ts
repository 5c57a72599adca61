import { formatPrometheus } from "../../src/admin/exposition.ts";
import { metricsOf } from "../../src/admin/metrics.ts";
import { Counts } from "../../src/core/counts.ts";
import { assert, assertEquals } from "../helpers/assert.ts";

const PAGE = new URL("../../docs/metrics.md", import.meta.url);
const { state } = await Deno.permissions.query({ name: "read", path: PAGE });

/** Every metric that there may be. */
function allMetrics() {
  const counts = new Counts(new ArrayBuffer(Counts.sizeFor(1)));
  const addr = { transport: "udp", hostname: "127.0.0.1", port: 7 } as const;
  return metricsOf(
    {
      stats: () => ({
        ...counts.read([addr]),
        limit: Infinity,
        stopping: false,
        startedAt: new Date(),
      }),
      connections: () => Promise.resolve([]),
      survey: () => Promise.resolve({ connections: [], rates: [] }),
      delays: () => ({ p50: 1, p99: 20, stalled: 0 }),
      lostLines: 3,
    },
    { startTime: 1, residentMemory: 2, cpu: 3, openFds: 4, maxFds: 5 },
  );
}

Deno.test({
  name: "docs/metrics.md has every metric with its type and labels",
  ignore: state !== "granted",
}, async () => {
  const rows = (await Deno.readTextFile(PAGE)).matchAll(
    /^\| `(echod_\w+|process_\w+)` +\| (\w+) +\| ([^|]*?) *\|/gm,
  );
  const documented = Array.from(
    rows,
    ([, name, type, labels = ""]) =>
      `${name} ${type} ${labels.replaceAll("`", "")}`.trim(),
  );
  const text = formatPrometheus(allMetrics());
  const types = text.matchAll(/^# TYPE (\w+) (\w+)\n(\w+)(?:\{([^}]*)\})?/gm);
  const told = Array.from(types, ([, name, type, , labels = ""]) => {
    const names = Array.from(labels.matchAll(/(\w+)="/g), ([, label]) => label)
      .filter((label) => label !== "le");
    return `${name} ${type} ${names.join(", ")}`.trim();
  });
  assertEquals(documented.sort(), told.sort());
});

Deno.test("Times are in seconds", () => {
  const text = formatPrometheus(allMetrics());
  assert(text.includes('echod_event_loop_delay_seconds{quantile="0.5"} 0.001'));
  assert(text.includes('echod_event_loop_delay_seconds{quantile="0.99"} 0.02'));
});
