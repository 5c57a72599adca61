import type { BenchResult } from "../../../src/bench/bench.ts";
import { formatRate } from "../../../src/cli/bench/format_figures.ts";
import {
  formatLiveProgress,
  formatProgress,
  formatResult,
  formatSparkline,
} from "../../../src/cli/bench/report.ts";
import { assertEquals } from "../../helpers/assert.ts";
import { RESULT } from "../../helpers/bench_result.ts";

Deno.test("formatResult() says what people want to know", () => {
  assertEquals(
    formatResult(RESULT),
    `tcp://127.0.0.1:7: 50 × 64 B, 10.0 s
1,234,567 messages, 122,965 messages/s, 7.87 MB/s each way
24,000 to 25,000 messages per connection, fairness 0.9999 (Jain's index)
p50 330 µs to 350 µs, p99 1.10 ms to 1.30 ms per connection

Latency
      min     mean      p50      p90      p99    p99.9   p99.99      max
    12 µs   346 µs   340 µs   400 µs  1.23 ms  12.3 ms   123 ms   1.23 s
Connect   p50 140 µs p99 – max 200 µs

  < 16 µs      0.00 %
  < 512 µs   100.00 % ████████████████████████████████████████
  < 2.10 s     0.00 %

No errors: every byte came back as it was sent
`,
  );
});

Deno.test("formatResult() tells the bytes of all messages that it tells the rate of", () => {
  // Half of the echoes in that second were those of the warm-up.
  const [, line] = formatResult({
    ...RESULT,
    durationMs: 1_000,
    messages: 100,
    bytes: 1_000_000,
    messagesPerSecond: 200,
  }).split("\n");
  assertEquals(line, "100 messages, 200 messages/s, 2.00 MB/s each way");
});

Deno.test("formatRate() has as many places as a rate needs", () => {
  const cases = [
    [0, "0.0"],
    [1e-7, "1e-7"],
    [0.0123, "0.012"],
    [1, "1.0"],
    [99.95, "100.0"],
    [1_234.5, "1,235"],
  ] as const;
  for (const [rate, text] of cases) assertEquals(formatRate(rate), text);
});

Deno.test("formatResult() says what went wrong, and where first", () => {
  const text = formatResult({
    ...RESULT,
    options: { ...RESULT.options, sizeBytes: [1, 65_536] },
    durationMs: 0,
    messages: 0,
    bytes: 0,
    messagesPerSecond: 0,
    perConnection: { ...RESULT.perConnection, messages: [] },
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
      elapsedMs: 5_000,
      warmup: false,
      messagesPerSecond: 123_456,
      bytesPerSecond: 7_901_184,
      p50Us: 340,
      p99Us: 1_234,
      maxUs: 2_000,
      errors: 0,
      lost: 0,
    }),
    formatProgress({
      done: 1,
      elapsedMs: 10_000,
      warmup: true,
      messagesPerSecond: 0.5,
      bytesPerSecond: 0,
      p50Us: null,
      p99Us: null,
      maxUs: null,
      errors: 3,
      lost: 12,
    }),
  ];
  assertEquals(lines, [
    "   5 s    123,456/s   7.90 MB/s  p50  340 µs  p99 1.23 ms  0 errors",
    "  10 s        0.5/s   0.00 MB/s  p50       –  p99       –  3 errors  12 lost  warm-up",
  ]);
});

Deno.test("formatResult() says what the client's part was, and when it ended", () => {
  const { latencyUs } = RESULT;
  const linesOf = (result: Partial<BenchResult>) =>
    formatResult({ ...RESULT, ...result }).split("\n");
  const overloaded = linesOf({
    endpoint: "tcp://localhost:7",
    ratesPerSecond: { asked: 2_000, sent: 900, echoed: 500 },
    unsent: 11_000,
    clientCpu: 0.99,
    clientWasLimit: true,
    clientStalledMs: 2_950,
    sendLateUs: { ...latencyUs, p50: 1, p99: 64, max: 600 },
    responseUs: { ...latencyUs, p99: null },
    durationMs: 1_000,
    options: { ...RESULT.options, durationMs: 3_000 },
    endedEarly: "no connection left",
  });
  for (
    const line of [
      "tcp://localhost:7 (127.0.0.1): 50 × 64 B, 1.0 s",
      "Asked for 2,000/s, sent 900/s, echoed 500/s",
      "Warning: 45.0 % of the asked rate was sent: 11,000 messages were due and never sent",
      "Warning: 25.0 % of the asked rate was echoed",
      "The client was the limit: CPU 99 %",
      "The client stood still for up to 2.95 s: latencies include that",
      "Sent late p50 1 µs p99 64 µs max 600 µs",
      "Response  p50 340 µs p99 – max 1.23 s",
      "Ended early after 1.0 s of 3.0 s: no connection left",
    ]
  ) assertEquals(overloaded.filter((one) => one === line), [line]);
  const interrupted = linesOf({
    durationMs: 0,
    messages: 0,
    endedEarly: "interrupted",
  });
  assertEquals(interrupted.slice(-3), [
    "Ended early in the warm-up: interrupted",
    "No message was counted",
    "",
  ]);
});

Deno.test("formatResult() says what was not waited for", () => {
  const lines = formatResult({ ...RESULT, notAwaited: 1_234 }).split("\n");
  assertEquals(lines.slice(-3), [
    "Messages not waited for: 1,234",
    "No errors: what came back was as it was sent",
    "",
  ]);
});

Deno.test("formatResult() says nothing of fairness where nothing was counted", () => {
  const lines = formatResult({
    ...RESULT,
    messages: 0,
    perConnection: {
      ...RESULT.perConnection,
      least: 0,
      most: 0,
      jain: 1,
      messages: [0, 0],
      p50Us: [null, null],
      p99Us: [null, null],
    },
  }).split("\n");
  assertEquals(lines.slice(2, 4), ["0 to 0 messages per connection", ""]);
});

Deno.test("formatResult() shows the percentiles that were asked for", () => {
  const lines = formatResult({
    ...RESULT,
    percentilesUs: [{ percent: 75, us: 360 }, { percent: 99.999, us: null }],
  }).split("\n");
  const at = lines.indexOf("Latency");
  assertEquals(lines.slice(at + 1, at + 3), [
    "      min     mean      p75  p99.999      max",
    "    12 µs   346 µs   360 µs        –   1.23 s",
  ]);
});

Deno.test("formatResult() says what happened to datagrams, and which limits are exceeded", () => {
  const datagrams = {
    sent: 4_000,
    received: 3_900,
    lost: 80,
    lostPercent: 2,
    unread: 20,
    duplicated: 3,
    reordered: 1,
    jitterUs: 12,
  };
  const lines = formatResult({ ...RESULT, datagrams }, ["so it is"])
    .split("\n");
  for (
    const line of [
      "Datagrams: 4,000 sent, 3,900 received, 80 lost (2.00 %), 3 duplicated, 1 reordered, jitter 12 µs",
      "Warning: 20 more came back, and were lost in the client's own receive buffer",
      "No errors: every datagram that came back was as it was sent",
      "Limit exceeded: so it is",
    ]
  ) assertEquals(lines.filter((one) => one === line), [line]);
});

Deno.test("formatLiveProgress() shows how far it is, and the last rates", () => {
  const progress = {
    done: 0.5,
    elapsedMs: 5_000,
    warmup: false,
    messagesPerSecond: 200,
    bytesPerSecond: 12_800,
    p50Us: 340,
    p99Us: null,
    maxUs: 500,
    errors: 1,
    lost: 0,
  };
  assertEquals(
    formatLiveProgress(progress, [100, 50, 200]),
    "█████░░░░░    5 s         ▅▃█        200/s   0.01 MB/s  p50  340 µs  p99       –  1 error",
  );
  const warmup = { ...progress, warmup: true };
  for (
    const [one, columns, line] of [
      [
        progress,
        80,
        "█████░░░░░    5 s        200/s   0.01 MB/s  p50  340 µs  p99       –  1 error",
      ],
      [
        warmup,
        80,
        "   5 s        200/s   0.01 MB/s  p50  340 µs  p99       –  1 error  warm-up",
      ],
      [progress, 20, "   5 s        200/s "],
    ] as const
  ) assertEquals(formatLiveProgress(one, [100], columns), line);
});

Deno.test("formatSparkline() has the last ten values, whatever they are", () => {
  const rising = Array.from({ length: 12 }, (_, i) => i);
  assertEquals(formatSparkline(rising), "▂▃▄▄▅▅▆▇▇█");
  assertEquals(formatSparkline([0, 0]), "        ▁▁");
  assertEquals(formatSparkline([]), "          ");
});
