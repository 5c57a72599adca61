import { setDeadline } from "../../src/core/deadline.ts";
import { STANDSTILL } from "../../src/core/standstill.ts";
import { assertEquals } from "../helpers/assert.ts";
import { FakeClock } from "../helpers/fake_clock.ts";

Deno.test("A deadline comes at its time, unless it is called off", async () => {
  using clock = new FakeClock();
  const passed: number[] = [];
  setDeadline(1_000, () => passed.push(clock.now));
  const callOff = setDeadline(500, () => passed.push(NaN));
  callOff();
  await clock.advance(2_000);
  assertEquals(passed, [1_000]);
  assertEquals(clock.timers, 0);
});

Deno.test("A deadline in a standstill comes a moment after it", async () => {
  using clock = new FakeClock();
  const passed: number[] = [];
  setDeadline(1_000, () => passed.push(clock.now));
  const callOff = setDeadline(1_000, () => passed.push(NaN));
  clock.stall(5_000);
  await clock.advance(STANDSTILL - 1);
  assertEquals(passed, []);
  callOff();
  await clock.advance(1);
  assertEquals(passed, [5_000 + STANDSTILL]);
  assertEquals(clock.timers, 0);
});
