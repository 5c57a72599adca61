import { type Alarm, Clock } from "../../src/faults/clock.ts";
import { randomFor } from "../../src/faults/random.ts";
import { assertEquals } from "../helpers/assert.ts";
import { FakeClock } from "../helpers/fake_clock.ts";

Deno.test("Clock rings a thousand alarms in order, on one timer", async () => {
  using fake = new FakeClock();
  const clock = new Clock();
  const random = randomFor(1);
  const rung: number[] = [];
  const expected: number[] = [];
  const alarms: Alarm[] = [];
  for (let count = 0; count < 1_000; count++) {
    const time = 1 + Math.floor(random() * 500);
    if (count % 3 > 0) expected.push(time);
    alarms.push(clock.set(time, () => rung.push(time)));
  }
  assertEquals(fake.timers, 1);
  alarms.forEach((alarm, index) => index % 3 === 0 && clock.clear(alarm));
  assertEquals(fake.timers, 1);
  await fake.advance(250);
  assertEquals(rung.every((time) => time <= 250), true);
  assertEquals(fake.timers, 1);
  await fake.advance(250);
  assertEquals(rung, expected.sort((one, other) => one - other));
  assertEquals(fake.timers, 0);
});

Deno.test("Clock has no timer without an alarm", async () => {
  using fake = new FakeClock();
  const clock = new Clock();
  const rung: string[] = [];
  const alarm = clock.set(10, () => rung.push("cleared"));
  clock.clear(alarm);
  clock.clear(alarm);
  assertEquals(fake.timers, 0);
  clock.set(20, () => {
    rung.push("first");
    clock.set(25, () => rung.push("second"));
    clock.set(90, () => rung.push("stopped"));
  });
  await fake.advance(30);
  assertEquals(rung, ["first", "second"]);
  clock.stop();
  assertEquals(fake.timers, 0);
});

Deno.test("Clock clears the one alarm that it is told to, if it has not rung", async () => {
  using fake = new FakeClock();
  const clock = new Clock();
  const rung: string[] = [];
  const set = (time: number) =>
    clock.set(time, () => rung.push(`${time} at ${fake.now}`));
  const [first, second, cleared] = [set(10), set(20), set(30)];
  set(40);
  clock.clear(cleared);
  clock.clear(cleared);
  // One that is the last of them leaves the others their timer.
  clock.clear(set(50));
  await fake.advance(15);
  clock.clear(first);
  await fake.advance(85);
  assertEquals(rung, ["10 at 10", "20 at 20", "40 at 40"]);
  clock.clear(second);
  const stopped = set(200);
  clock.stop();
  set(150);
  set(160);
  clock.clear(stopped);
  await fake.advance(100);
  assertEquals(rung.slice(3), ["150 at 150", "160 at 160"]);
  assertEquals(fake.timers, 0);
});
