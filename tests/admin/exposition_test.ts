import {
  formatOpenMetrics,
  formatPrometheus,
  prefersOpenMetrics,
} from "../../src/admin/exposition.ts";
import type { Family } from "../../src/admin/exposition.ts";
import { assertEquals } from "../helpers/assert.ts";

const FAMILIES: readonly Family[] = [
  {
    name: "a_build",
    type: "info",
    help: 'With "quotes", a \\ and a\nline.',
    samples: [{ labels: { path: 'unix:///a"b\\c\nd' }, value: 1 }],
  },
  {
    name: "a_read_bytes",
    type: "counter",
    help: "Read.",
    samples: [{ labels: { a: "1", b: "2" }, value: 1e21 }],
  },
  {
    name: "a_limit",
    type: "gauge",
    help: "Limit.",
    samples: [{ value: Infinity }],
  },
  {
    name: "a_wait_seconds",
    type: "histogram",
    help: "Wait.",
    samples: [
      { suffix: "_bucket", labels: { le: 0.001 }, value: 0 },
      { suffix: "_bucket", labels: { le: 1 }, value: 2 },
      { suffix: "_bucket", labels: { le: Infinity }, value: 3 },
      { suffix: "_sum", value: 1.5 },
    ],
  },
];

Deno.test("Metrics in Prometheus' text format", () => {
  assertEquals(
    formatPrometheus(FAMILIES),
    String.raw`# HELP a_build_info With "quotes", a \\ and a\nline.
# TYPE a_build_info gauge
a_build_info{path="unix:///a\"b\\c\nd"} 1
# HELP a_read_bytes_total Read.
# TYPE a_read_bytes_total counter
a_read_bytes_total{a="1",b="2"} 1e+21
# HELP a_limit Limit.
# TYPE a_limit gauge
a_limit +Inf
# HELP a_wait_seconds Wait.
# TYPE a_wait_seconds histogram
a_wait_seconds_bucket{le="0.001"} 0
a_wait_seconds_bucket{le="1"} 2
a_wait_seconds_bucket{le="+Inf"} 3
a_wait_seconds_sum 1.5
`,
  );
});

Deno.test("Metrics in OpenMetrics", () => {
  assertEquals(
    formatOpenMetrics(FAMILIES),
    String.raw`# TYPE a_build info
# HELP a_build With \"quotes\", a \\ and a\nline.
a_build_info{path="unix:///a\"b\\c\nd"} 1
# TYPE a_read_bytes counter
# UNIT a_read_bytes bytes
# HELP a_read_bytes Read.
a_read_bytes_total{a="1",b="2"} 1e+21
# TYPE a_limit gauge
# HELP a_limit Limit.
a_limit +Inf
# TYPE a_wait_seconds histogram
# UNIT a_wait_seconds seconds
# HELP a_wait_seconds Wait.
a_wait_seconds_bucket{le="0.001"} 0
a_wait_seconds_bucket{le="1.0"} 2
a_wait_seconds_bucket{le="+Inf"} 3
a_wait_seconds_sum 1.5
# EOF
`,
  );
});

for (
  const [accept, expected] of [
    [undefined, false],
    ["*/*", false],
    ["text/plain", false],
    ["application/openmetrics-text", true],
    ["Application/OpenMetrics-Text; Version=1.0.0", true],
    ["application/openmetrics-text;version=0.0.1", false],
    ["application/openmetrics-text;q=0", false],
    ["application/openmetrics-text;q=1, text/plain;q=1", true],
    ["text/plain, application/openmetrics-text;q=1", true],
    ["text/plain;q=0.5, application/openmetrics-text;q=0.4", false],
    [
      "application/openmetrics-text;version=1.0.0;q=0.5," +
      "application/openmetrics-text;version=0.0.1;q=0.4," +
      "text/plain;version=0.0.4;q=0.3,*/*;q=0.2",
      true,
    ],
  ] as const
) {
  const format = expected ? "OpenMetrics" : "Prometheus' text";
  Deno.test(`Accept: ${accept ?? "nothing"} gets ${format}`, () => {
    assertEquals(prefersOpenMetrics(accept), expected);
  });
}
