import { Standstill } from "../../src/core/standstill.ts";
import { assertEquals } from "../helpers/assert.ts";
import { FakeClock } from "../helpers/fake_clock.ts";

Deno.test("A process that looks in time does not stand still", () => {
  using clock = new FakeClock();
  const standstill = new Standstill(50);
  assertEquals(standstill.isBehind(1e6), false, "not started yet");
  standstill.start();
  for (let i = 0; i < 4; i++) {
    clock.stall(150);
    assertEquals(standstill.isBehind(clock.now), false);
    standstill.look(clock.now);
    assertEquals(standstill.isBehind(clock.now), false);
  }
  assertEquals(standstill.longest, 0);
});

Deno.test("A process that stood still is behind until a moment after its look", () => {
  using clock = new FakeClock();
  const standstill = new Standstill(50);
  standstill.start();
  for (const late of [101, 3_000, 200]) {
    clock.stall(50 + late);
    assertEquals(standstill.isBehind(clock.now), true, "before the look");
    standstill.look(clock.now);
    clock.stall(50);
    standstill.look(clock.now);
    assertEquals(standstill.isBehind(clock.now), true);
    clock.stall(50);
    standstill.look(clock.now);
    assertEquals(standstill.isBehind(clock.now), false);
  }
  assertEquals(standstill.longest, 3_000);
});

Deno.test("A process that is late every time is behind only at first", () => {
  using clock = new FakeClock();
  const standstill = new Standstill(50);
  standstill.start();
  const isBehind = Array.from({ length: 4 }, () => {
    clock.stall(200);
    const before = standstill.isBehind(clock.now);
    standstill.look(clock.now);
    return [before, standstill.isBehind(clock.now)];
  });
  assertEquals(isBehind, [
    [true, true],
    [false, false],
    [false, false],
    [false, false],
  ]);
});
