import type { BenchResult } from "../../../src/bench/bench.ts";
import { formatProgress, formatResult } from "../../../src/cli/bench/report.ts";
import { assertEquals } from "../../helpers/assert.ts";

const RESULT: BenchResult = {
  endpoint: "tcp://127.0.0.1:7",
  address: "127.0.0.1",
  planned: { seconds: 10, messages: null },
  endedEarly: null,
  rates: null,
  unsent: 0,
  clientCpu: 0.5,
  clientWasLimit: false,
  sendLateUs: null,
  responseUs: null,
  connections: 50,
  size: 64,
  seconds: 10.04,
  messages: 1_234_567,
  bytes: 79_012_288,
  rate: 122_965,
  perConnection: { least: 24_000, most: 25_000 },
  latencyUs: {
    min: 12,
    mean: 345.6,
    p50: 340,
    p90: 400,
    p99: 1_234,
    p99_9: 12_345,
    p99_99: 123_456,
    max: 1_234_567,
  },
  histogram: [
    { lessThanUs: 16, messages: 1 },
    { lessThanUs: 512, messages: 1_234_565 },
    { lessThanUs: 2_097_152, messages: 1 },
  ],
  errors: {},
  firstErrors: [],
  version: "0.1.0",
  runtime: "deno 2.9.6",
};

Deno.test("formatResult() says what people want to know", () => {
  assertEquals(
    formatResult(RESULT),
    `tcp://127.0.0.1:7: 50 × 64 B, 10.0 s
1,234,567 messages, 122,965 messages/s, 7.87 MB/s each way
24,000 to 25,000 messages per connection

Latency
      min     mean      p50      p90      p99    p99.9   p99.99      max
    12 µs   346 µs   340 µs   400 µs  1.23 ms  12.3 ms   123 ms   1.23 s

  < 16 µs      0.00 %
  < 512 µs   100.00 % ████████████████████████████████████████
  < 2.10 s     0.00 %

No errors: every byte came back as it was sent
`,
  );
});

Deno.test("formatResult() says what went wrong, and where first", () => {
  const text = formatResult({
    ...RESULT,
    size: [1, 65_536],
    seconds: 0,
    messages: 0,
    bytes: 0,
    rate: 0,
    histogram: [],
    errors: { altered: 3, failed: 1 },
    firstErrors: [
      { kind: "altered", connection: 2, offset: 1_000, count: 1 },
      {
        kind: "failed",
        connection: 7,
        offset: 64,
        count: 1,
        reason: "ended by the server",
      },
    ],
  });
  assertEquals(
    text,
    `tcp://127.0.0.1:7: 50 × 1–65,536 B, 0.0 s
0 messages, 0.0 messages/s, 0.00 MB/s each way
24,000 to 25,000 messages per connection

Error (altered): 3 bytes came back altered, first on connection 2 at offset 1000
Error (failed): 1 connection failed, first on connection 7 at offset 64: ended by the server
`,
  );
});

Deno.test("formatResult() says that no certificate was checked", () => {
  const [first, second] = formatResult({ ...RESULT, insecure: true }).split(
    "\n",
  );
  assertEquals(first, "tcp://127.0.0.1:7: 50 × 64 B, 10.0 s");
  assertEquals(second, "The server's certificate was not checked");
});

Deno.test("formatProgress() is as long whatever it says", () => {
  const lines = [
    formatProgress({
      done: 0.5,
      elapsed: 5,
      warmup: false,
      rate: 123_456,
      bytesPerSecond: 7_901_184,
      p50: 340,
      p99: 1_234,
      errors: 0,
    }),
    formatProgress({
      done: 1,
      elapsed: 10,
      warmup: true,
      rate: 0.5,
      bytesPerSecond: 0,
      p50: null,
      p99: null,
      errors: 3,
    }),
  ];
  assertEquals(lines, [
    "██████████░░░░░░░░░░    5 s    123,456/s   7.90 MB/s  p50  340 µs  p99 1.23 ms  0 errors",
    "████████████████████   10 s        0.5/s   0.00 MB/s  p50       –  p99       –  3 errors  warm-up",
  ]);
});

Deno.test("formatResult() says what the client's part was, and when it ended", () => {
  const { latencyUs } = RESULT;
  const linesOf = (result: Partial<BenchResult>) =>
    formatResult({ ...RESULT, ...result }).split("\n");
  const overloaded = linesOf({
    endpoint: "tcp://localhost:7",
    rates: { asked: 2_000, sent: 900, echoed: 500 },
    unsent: 11_000,
    clientCpu: 0.99,
    clientWasLimit: true,
    sendLateUs: { ...latencyUs, p50: 1, p99: 64, max: 600 },
    responseUs: { ...latencyUs, p99: null },
    seconds: 1,
    planned: { seconds: 3, messages: null },
    endedEarly: "no connection left",
  });
  for (
    const line of [
      "tcp://localhost:7 (127.0.0.1): 50 × 64 B, 1.0 s",
      "Asked for 2,000/s, sent 900/s, echoed 500/s",
      "Warning: 45.0 % of the asked rate was sent: 11,000 messages were due and never sent",
      "Warning: 25.0 % of the asked rate was echoed",
      "The client was the limit: CPU 99 %",
      "Sent late p50 1 µs p99 64 µs max 600 µs",
      "Response  p50 340 µs p99 – max 1.23 s",
      "Ended early after 1.0 s of 3.0 s: no connection left",
    ]
  ) assertEquals(overloaded.filter((one) => one === line), [line]);
  const interrupted = linesOf({
    seconds: 0,
    messages: 0,
    endedEarly: "interrupted",
  });
  assertEquals(interrupted.slice(-3), [
    "Ended early in the warm-up: interrupted",
    "No message was counted",
    "",
  ]);
});
