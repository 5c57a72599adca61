import { Clock } from "../../src/faults/clock.ts";
import { Pause } from "../../src/faults/pause.ts";
import { assertEquals, assertRejects } from "../helpers/assert.ts";
import { FakeClock } from "../helpers/fake_clock.ts";

Deno.test("Pause ends the wait under way when it is stopped, and all later ones", async () => {
  using clock = new FakeClock();
  const pause = new Pause(new Clock());
  const first = pause.until(10);
  await clock.advance(10);
  await first;
  const pending = pause.until(20);
  pause.stop();
  await assertRejects(() => pending, Error, "Connection closed");
  await assertRejects(() => pause.until(30), Error, "Connection closed");
  assertEquals(clock.timers, 0);
});

Deno.test("Pause may be stopped before it has waited", async () => {
  using clock = new FakeClock();
  const pause = new Pause(new Clock());
  pause.stop();
  await assertRejects(() => pause.until(10), Error, "Connection closed");
  assertEquals(clock.timers, 0);
});
