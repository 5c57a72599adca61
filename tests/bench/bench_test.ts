import { createServer } from "node:net";
import {
  bench,
  type BenchOptions,
  type BenchProgress,
} from "../../src/bench/bench.ts";
import { assert, assertEquals, assertRejects } from "../helpers/assert.ts";
import { FAULTS, FaultyServer } from "../helpers/faulty.ts";

const net = await Deno.permissions.query({ name: "net" });
// A worker's module has to be read.
const read = await Deno.permissions.query({ name: "read" });
const ignore = net.state !== "granted" || read.state !== "granted";

/** A test with a sound server, ignored without permission. */
function test(
  name: string,
  fn: (endpoint: string, server: FaultyServer) => Promise<void>,
): void {
  Deno.test({
    name,
    ignore,
    timeout: 60_000,
    async fn() {
      await using server = await FaultyServer.start();
      await fn(`tcp://127.0.0.1:${server.port}`, server);
    },
  });
}

test("bench() resolves with the result", async (endpoint) => {
  const result = await bench({ endpoint, connections: 2, messages: 100 });
  assertEquals([result.messages, result.bytes], [100, 6_400]);
  assertEquals([result.errors, result.firstErrors], [{}, []]);
});

test("bench() tells every second how it goes", async (endpoint) => {
  const told: BenchProgress[] = [];
  const { messages, durationMs } = await bench({
    endpoint,
    duration: 2_900,
    warmup: 0,
    onProgress: (progress) => void told.push(progress),
  });
  const [first, second] = told;
  assert(first && second);
  assert(first.elapsedMs >= 1_000);
  assert(second.elapsedMs >= first.elapsedMs + 500);
  assert(first.done > 0.3 && first.done < second.done && second.done <= 1);
  const { messagesPerSecond, bytesPerSecond, p50Us, p99Us, maxUs } = first;
  assert(messagesPerSecond > 0 && bytesPerSecond === 64 * messagesPerSecond);
  assert(p50Us !== null && p99Us !== null && maxUs !== null);
  assert(p50Us > 0 && p50Us <= p99Us && p99Us <= maxUs);
  assertEquals([first.errors, second.errors], [0, 0]);
  assert(messages > messagesPerSecond && durationMs >= 2_900);
});

test(
  "bench() ends when its signal aborts, with the result so far",
  async (endpoint, server) => {
    const early = new AbortController();
    const result = bench({
      endpoint,
      duration: 3_600_000,
      warmup: 0,
      signal: early.signal,
    });
    await server.reached;
    early.abort();
    const { messages, errors } = await result;
    assert(messages > 0);
    assertEquals(errors, {});
  },
);

test("bench() rejects when its signal has aborted before", async (endpoint) => {
  const signal = AbortSignal.abort(new RangeError("Never mind"));
  const options = { endpoint, signal };
  await assertRejects(() => bench(options), RangeError, "Never mind");
});

test("bench() ends when the last connection is lost", async () => {
  await using server = await FaultyServer.start(FAULTS["truncated"]);
  const { messages, errors } = await bench({
    endpoint: `tcp://127.0.0.1:${server.port}`,
    connections: 3,
    warmup: 0,
  });
  assertEquals(messages, 3 * 15);
  assertEquals(errors, { truncated: 3 * 24 });
});

Deno.test({
  name: "bench() does not take a busy start for its limit",
  ignore,
  timeout: 60_000,
  async fn() {
    // In this process, whose processor time is the client's.
    const server = createServer((socket) => {
      socket.on("data", (bytes) => {
        const end = performance.now() + 30;
        while (performance.now() < end);
        socket.write(bytes);
      });
    });
    await new Promise<void>((resolve) =>
      server.listen(0, "127.0.0.1", () => resolve())
    );
    const addr = server.address();
    assert(addr && typeof addr === "object");
    const { clientWasLimit } = await bench({
      endpoint: `tcp://127.0.0.1:${addr.port}`,
      connections: 1,
      messages: 2,
    });
    await new Promise((resolve) => server.close(resolve));
    assertEquals(clientWasLimit, false);
  },
});

test("bench() shares the connections among threads", async (endpoint) => {
  const { messages, perConnection: { least, most }, errors } = await bench({
    endpoint,
    connections: 5,
    messages: 500,
    workers: 2,
  });
  assertEquals([messages, errors], [500, {}]);
  assert(least > 0 && most < 500);
});

test("bench() counts what goes wrong in all threads", async () => {
  await using server = await FaultyServer.start(FAULTS["prefixed"]);
  const { errors, firstErrors } = await bench({
    endpoint: `tcp://127.0.0.1:${server.port}`,
    connections: 3,
    messages: 300,
    workers: 3,
  });
  assertEquals(errors, { prefixed: 3 * 11 });
  assertEquals(firstErrors.length, 1);
});

Deno.test("bench() refuses options of the wrong type or range", async () => {
  const endpoint = "tcp://127.0.0.1:7";
  const wrong: [typeof Error, object][] = [
    [SyntaxError, { endpoint: "127.0.0.1:7" }],
    [TypeError, { connections: 1.5 }],
    [TypeError, { connections: "5" }],
    [RangeError, { connections: 0 }],
    [RangeError, { size: 0 }],
    [RangeError, { size: 2 ** 30 + 1 }],
    [RangeError, { size: [2, 1] }],
    [TypeError, { size: [1, 2, 3] }],
    [TypeError, { size: null }],
    [RangeError, { endpoint: "udp://127.0.0.1:7", size: 65_508 }],
    [RangeError, { duration: 0 }],
    [RangeError, { duration: 2 ** 31 }],
    [TypeError, { duration: "1s" }],
    [RangeError, { messages: 0 }],
    [RangeError, { timeout: 0 }],
    [RangeError, { drain: -1 }],
    [TypeError, { percentiles: [] }],
    [TypeError, { percentiles: "50" }],
    [TypeError, { percentiles: Array(21).fill(50) }],
    [RangeError, { percentiles: [50, 100] }],
    [TypeError, { drainSignal: {} }],
    [RangeError, { rate: 0 }],
    [TypeError, { rate: 1, window: 1 }],
    [TypeError, { reconnect: true, churn: true }],
    [TypeError, { ramp: 1, churn: true }],
    [RangeError, { ramp: -1 }],
    [TypeError, { reconnect: 1 }],
    [TypeError, { window: 1, churn: true }],
    [TypeError, { churn: 1 }],
    [RangeError, { warmup: -1 }],
    [RangeError, { workers: 11 }],
    [RangeError, { proxyProtocol: 3 }],
    [TypeError, { proxyProtocol: "1" }],
    [TypeError, { proxyProtocol: 1, endpoint: "udp://127.0.0.1:7" }],
    [TypeError, { ca: 1 }],
    [Error, { ca: "not PEM" }],
    [Error, { ca: new Uint8Array(9) }],
    [TypeError, { insecure: 1 }],
    [TypeError, { signal: {} }],
    [TypeError, { onProgress: 1 }],
  ];
  for (const [kind, options] of wrong) {
    const all: BenchOptions = { endpoint, ...options };
    await assertRejects(() => bench(all), kind, "");
  }
});
