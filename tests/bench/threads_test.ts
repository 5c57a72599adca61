import { shareOf } from "../../src/bench/threads.ts";
import { assertEquals } from "../helpers/assert.ts";
import { loadOptions } from "../helpers/load_options.ts";

Deno.test("shareOf() shares everything out, and numbers every connection once", () => {
  const load = loadOptions({
    connections: 11,
    messages: 1_000,
    rate: 300,
  });
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
