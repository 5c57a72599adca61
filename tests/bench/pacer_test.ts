import { Pacer } from "../../src/bench/pacer.ts";
import { assert, assertEquals } from "../helpers/assert.ts";
import { FakeClock } from "../helpers/fake_clock.ts";

/** Lets so many milliseconds pass, and the event loop turn in each. */
async function pass(clock: FakeClock, ms: number): Promise<void> {
  for (let i = 0; i < ms; i++) {
    await clock.advance(1);
    clock.turn();
  }
}

Deno.test("Pacer sends on time", async () => {
  using clock = new FakeClock();
  const sent: number[][] = [];
  const pacer = new Pacer(100, (due) => void sent.push([due, clock.now]));
  await clock.advance(5);
  pacer.start();
  await pass(clock, 35);
  pacer.stop();
  assertEquals(sent, [[5, 5], [15, 15], [25, 25], [35, 35]]);
});

Deno.test("Pacer sends as often in a millisecond as it has to", async () => {
  using clock = new FakeClock();
  const sent: number[] = [];
  const pacer = new Pacer(4_000, (due) => sent.push(due));
  pacer.start();
  await pass(clock, 1);
  pacer.stop();
  assertEquals(sent, [0, 0.25, 0.5, 0.75, 1]);
});

Deno.test("Pacer makes up for what it could not send in time", async () => {
  using clock = new FakeClock();
  const sent: number[][] = [];
  const pacer = new Pacer(100, (due) => void sent.push([due, clock.now]));
  pacer.start();
  clock.now = 25;
  await pass(clock, 1);
  assertEquals(sent, [[0, 0], [10, 26], [20, 26]]);
  clock.now = 35;
  pacer.stop();
  assertEquals(sent.slice(3), [[30, 35]]);
});

Deno.test("Pacer sends nothing once it is stopped, and leaves no timer", async () => {
  using clock = new FakeClock();
  let sent = 0;
  const pacer = new Pacer(100, () => sent++);
  pacer.start();
  pacer.stop();
  await pass(clock, 30);
  assertEquals([sent, clock.timers], [1, 0]);
});

Deno.test("Pacer sends for a millisecond a turn, and knows what it has not sent", () => {
  using clock = new FakeClock();
  let sent = 0;
  const pacer = new Pacer(100_000, () => {
    sent++;
    clock.now += 0.1;
  });
  pacer.start();
  const turn = sent;
  assert(turn >= 10 && turn <= 12, `${turn}`);
  clock.now = 5;
  clock.turn();
  assertEquals(sent, 2 * turn);
  clock.now = 100;
  pacer.stop();
  assertEquals(sent, 3 * turn);
  assertEquals(pacer.dueBy(100), 10_001);
  // Those of the last turn were late, too.
  assertEquals(pacer.overdueBy(100), 10_001 - 2 * turn);
});

Deno.test("Pacer waits longer than a timer can, where a rate is that low", async () => {
  using clock = new FakeClock();
  const sent: number[] = [];
  const pacer = new Pacer(1e-7, (due) => sent.push(due));
  pacer.start();
  await clock.next();
  assertEquals([clock.now, sent], [2 ** 31 - 1, [0]]);
  while (await clock.next());
  clock.now = 1e10;
  clock.turn();
  pacer.stop();
  assertEquals(sent, [0, 1e10]);
});

Deno.test("Pacer starts anew without what was due before", async () => {
  using clock = new FakeClock();
  const sent: number[][] = [];
  const pacer = new Pacer(100, (due) => void sent.push([due, clock.now]), 5);
  pacer.start();
  clock.now = 1_000;
  pacer.start(20);
  await pass(clock, 100);
  assertEquals(sent, [[1_005, 1_005], [1_015, 1_015]]);
  assertEquals([pacer.dueBy(1_004), pacer.dueBy(1_100)], [0, 2]);
  pacer.stop();
  assertEquals(clock.timers, 0);
});

Deno.test("Pacer has one wait at a time, and none once it is stopped", async () => {
  using clock = new FakeClock();
  for (const rate of [100, 4_000]) {
    let sent = 0;
    const pacer = new Pacer(rate, () => sent++);
    pacer.start();
    pacer.start();
    assertEquals(clock.timers + clock.immediates, 1);
    pacer.stop();
    assertEquals(clock.timers, 0);
    await clock.advance(100);
    const before = sent;
    clock.turn();
    pacer.stop();
    assertEquals([sent, clock.timers, clock.immediates], [before, 0, 0]);
  }
});

Deno.test("Pacer leaves the very end to what comes after, and waits for nothing", async () => {
  using clock = new FakeClock();
  const sent: number[] = [];
  const pacer = new Pacer(100, (due) => sent.push(due));
  for (const startedAt of [0, 30]) {
    pacer.start(20);
    await pass(clock, 30);
    assertEquals(sent.splice(0), [startedAt, startedAt + 10]);
    assertEquals([clock.timers, clock.immediates], [0, 0]);
  }
  // A busy wait that is over can begin again.
  pacer.start();
  await pass(clock, 9);
  pacer.start();
  await pass(clock, 15);
  assertEquals(sent, [60, 69, 79]);
  pacer.stop();
});
