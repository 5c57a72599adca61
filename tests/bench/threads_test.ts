import { shareOf } from "../../src/bench/threads.ts";
import { assertEquals } from "../helpers/assert.ts";

Deno.test("shareOf() shares everything out, and numbers every connection once", () => {
  const load = {
    addr: { transport: "tcp", hostname: "192.0.2.1", port: 7 },
    connections: 11,
    size: [64, 64],
    messages: 1_000,
    rate: 300,
    window: 1,
    churn: false,
    reconnect: false,
    ramp: 0,
    ids: { first: 1, step: 1 },
    duration: Infinity,
    drain: 5_000,
    patience: 1_000,
    delay: 0,
  } as const;
  const shares = [0, 1, 2].map((index) => shareOf(load, index, 3));
  const sum = (field: "connections" | "messages" | "rate") =>
    shares.reduce((sum, share) => sum + (share[field] ?? 0), 0);
  assertEquals([sum("connections"), sum("messages")], [11, 1_000]);
  // 4, 4 and 3 connections: each gets as much, in turn.
  assertEquals(
    shares.map(({ rate = 0 }) => Math.round(rate * 11)),
    [1_200, 1_200, 900],
  );
  assertEquals(shares.map(({ messages }) => messages), [363, 364, 273]);
  assertEquals(shares.map(({ delay }) => Math.round(delay * 30)), [
    0,
    100,
    200,
  ]);
  const ids = shares.flatMap(({ connections, ids: { first, step } }) =>
    Array.from({ length: connections }, (_, i) => first + i * step)
  );
  assertEquals(
    ids.toSorted((a, b) => a - b),
    Array.from({ length: 11 }, (_, i) => i + 1),
  );
  const endless = shareOf(
    { ...load, messages: Infinity, rate: undefined },
    0,
    3,
  );
  assertEquals([endless.messages, endless.rate], [Infinity, undefined]);
});
