import { Clock } from "../../src/faults/clock.ts";
import { CHUNK_COST, DelayLine } from "../../src/faults/delay_line.ts";
import { assertEquals, assertRejects } from "../helpers/assert.ts";
import { FakeClock, settled } from "../helpers/fake_clock.ts";

const bytes = (...all: number[]) => Uint8Array.from(all);

/** Reports whether a promise has been fulfilled. */
function watch(promise: Promise<void> | undefined): { done: boolean } {
  const state = { done: promise === undefined };
  promise?.then(() => state.done = true);
  return state;
}

Deno.test("DelayLine keeps for the next call what nobody has asked for", async () => {
  using clock = new FakeClock();
  const line = new DelayLine(1_000, new Clock());
  line.add(bytes(1), 10);
  const first = line.next();
  await clock.advance(10);
  assertEquals(await first, bytes(1));
  // These are due while the first is still being sent.
  line.add(bytes(2), 15);
  line.add(bytes(3), 15);
  await clock.advance(100);
  assertEquals([await line.next(), await line.next()], [bytes(2), bytes(3)]);
  line.end(150);
  const end = line.next();
  await clock.advance(50);
  assertEquals([await end, await line.next()], [undefined, undefined]);
  assertEquals(clock.timers, 0);
});

Deno.test("DelayLine has room until a window is held, and again when less is", async () => {
  using _ = new FakeClock();
  const line = new DelayLine(2 * (CHUNK_COST + 10), new Clock());
  const ten = new Uint8Array(10);
  for (let round = 0; round < 3; round++) {
    const first = watch(line.add(ten, 0));
    const second = watch(line.add(ten, 0));
    await settled();
    assertEquals([first.done, second.done], [true, false]);
    await line.next();
    await settled();
    assertEquals(second.done, true);
    await line.next();
  }
});

Deno.test("DelayLine that holds more than a window has room only below it", async () => {
  using _ = new FakeClock();
  const line = new DelayLine(CHUNK_COST + 10, new Clock());
  line.add(new Uint8Array(10), 0);
  const large = watch(line.add(new Uint8Array(50), 0));
  await line.next();
  await settled();
  assertEquals(large.done, false);
  await line.next();
  await settled();
  assertEquals(large.done, true);
});

Deno.test("DelayLine that is flushed has dropped everything, and goes on", async () => {
  using clock = new FakeClock();
  const line = new DelayLine(CHUNK_COST + 1, new Clock());
  const room = watch(line.add(bytes(1), 10));
  const next = line.next();
  line.flush();
  await settled();
  assertEquals([room.done, clock.timers], [true, 0]);
  line.add(bytes(2), 30);
  await clock.advance(30);
  assertEquals(await next, bytes(2));
  assertEquals(watch(line.add(new Uint8Array(0), 30)).done, true);
});

Deno.test("DelayLine that has failed rejects with the first reason", async () => {
  using clock = new FakeClock();
  const line = new DelayLine(1_000, new Clock());
  line.add(bytes(1), 10);
  const pending = line.next();
  line.fail(new Error("first"));
  line.fail(new Error("second"));
  await assertRejects(() => pending, Error, "first");
  await assertRejects(() => line.next(), Error, "first");
  assertEquals(clock.timers, 0);
});
