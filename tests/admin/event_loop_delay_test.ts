import { DelayMeter, readDelays } from "../../src/admin/event_loop_delay.ts";
import { assert, assertEquals } from "../helpers/assert.ts";
import { FakeClock } from "../helpers/fake_clock.ts";

function newMemory(): ArrayBuffer {
  return new ArrayBuffer(DelayMeter.SIZE);
}

/** Rounds away what the sum of two clocks loses. */
function rounded(memories: readonly ArrayBufferLike[]): number[] {
  const { p50, p99, stalled } = readDelays(memories);
  return [p50, p99, stalled].map(Math.round);
}

Deno.test("A loop that turns has no delay", async () => {
  using clock = new FakeClock();
  const memory = newMemory();
  using _meter = new DelayMeter(memory);
  assertEquals(rounded([memory]), [0, 0, 0]);
  await clock.advance(1_000);
  assertEquals(rounded([memory]), [0, 0, 0]);
});

Deno.test("A loop that stands still counts for all the timers that it swallows", async () => {
  using clock = new FakeClock();
  const memory = newMemory();
  using _meter = new DelayMeter(memory);
  await clock.advance(1_000);
  clock.stall(1_000);
  assertEquals(rounded([memory]).at(-1), 1_000);
  // Already before it turns again, and the same afterwards.
  const before = rounded([memory]);
  await clock.next(clock.now);
  const [p50 = NaN, p99 = NaN, stalled] = rounded([memory]);
  assertEquals([p50, p99], before.slice(0, 2));
  assertEquals(stalled, 0);
  assert(p50 <= 20 && p99 > 900, `${p50} ms and ${p99} ms`);
});

Deno.test("Samples older than ten seconds are forgotten", async () => {
  using clock = new FakeClock();
  const memory = newMemory();
  using _meter = new DelayMeter(memory);
  clock.stall(60_000);
  await clock.next(clock.now);
  assert((rounded([memory])[0] ?? 0) > 50_000);
  await clock.advance(10_300);
  assertEquals(rounded([memory]), [0, 0, 0]);
});

Deno.test("Several loops count as one, and the one that is stuck is told", async () => {
  using clock = new FakeClock();
  const [turning, stuck] = [newMemory(), newMemory()];
  using _meter = new DelayMeter(turning);
  new DelayMeter(stuck)[Symbol.dispose]();
  await clock.advance(3_000);
  const [p50, p99, stalled] = rounded([turning, stuck]);
  assertEquals([p50, p99, stalled], [0, 2_920, 3_000]);
});

Deno.test("A meter that is disposed of leaves no timer", () => {
  using clock = new FakeClock();
  new DelayMeter(newMemory())[Symbol.dispose]();
  assertEquals(clock.timers, 0);
});
