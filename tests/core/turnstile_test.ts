import { type Ticket, Turnstile } from "../../src/core/turnstile.ts";
import { assert, assertEquals } from "../helpers/assert.ts";
import { FakeClock, settled } from "../helpers/fake_clock.ts";

const WIDTH = 64;
const TURNS = 80;

/** Fills all places. */
function fill(turnstile: Turnstile): Ticket[] {
  return Array.from({ length: WIDTH }, () => {
    const ticket = turnstile.join();
    assertEquals(turnstile.enter(ticket), undefined);
    return ticket;
  });
}

/** Puts tickets in line, and notes in what order they are let in. */
function queue(
  turnstile: Turnstile,
  names: string[],
  order: string[],
): Ticket[] {
  return names.map((name) => {
    const ticket = turnstile.join();
    const admitted = turnstile.enter(ticket);
    assert(admitted, `${name} should have to wait`);
    admitted.then(() => order.push(name));
    return ticket;
  });
}

Deno.test("Turnstile is crowded from the 65th connection on", () => {
  const turnstile = new Turnstile();
  const tickets = Array.from({ length: WIDTH }, () => turnstile.join());
  assertEquals(turnstile.crowded, false);
  const last = turnstile.join();
  assertEquals(turnstile.crowded, true);
  turnstile.part(last);
  assertEquals(turnstile.crowded, false);
  for (const ticket of tickets) turnstile.part(ticket);
});

Deno.test("Turnstile gives places in the order of the line", async () => {
  using _clock = new FakeClock();
  const turnstile = new Turnstile();
  const holders = fill(turnstile);
  const order: string[] = [];
  assertEquals(turnstile.waiting, 0);
  queue(turnstile, ["a", "b", "c"], order);
  await settled();
  assertEquals([order, turnstile.waiting], [[], 3]);
  for (const holder of holders.slice(0, 2)) turnstile.leave(holder);
  await settled();
  assertEquals(order, ["a", "b"]);
  for (const holder of holders.slice(2, 3)) turnstile.leave(holder);
  await settled();
  assertEquals(order, ["a", "b", "c"]);
});

Deno.test("Turnstile takes back the place of a connection that parts", async () => {
  using _clock = new FakeClock();
  const turnstile = new Turnstile();
  const [holder] = fill(turnstile);
  assert(holder);
  const order: string[] = [];
  queue(turnstile, ["a"], order);
  turnstile.part(holder);
  await settled();
  assertEquals(order, ["a"]);
});

Deno.test("Turnstile takes the places of the quiet for the line, oldest first", async () => {
  using clock = new FakeClock();
  const turnstile = new Turnstile();
  const holders = fill(turnstile);
  const order: string[] = [];
  const [a, b] = queue(turnstile, ["a", "b"], order);
  assert(a && b);
  for (let turn = 1; turn < TURNS; turn++) clock.turn();
  await settled();
  assertEquals(order, []);
  clock.turn();
  await settled();
  assertEquals(order, ["a", "b"]);
  assertEquals(holders.map((holder) => holder.hot).indexOf(true), 2);
  assertEquals([a.hot, b.hot], [true, true]);
});

Deno.test("Turnstile leaves the quiet in peace while nobody waits", async () => {
  using clock = new FakeClock();
  const turnstile = new Turnstile();
  const holders = fill(turnstile);
  const order: string[] = [];
  queue(turnstile, ["a"], order);
  for (let turn = 0; turn < TURNS; turn++) clock.turn();
  await settled();
  assertEquals(order, ["a"]);
  for (let turn = 0; turn < 10 * TURNS; turn++) clock.turn();
  assertEquals(holders.filter((holder) => holder.hot).length, WIDTH - 1);
});

Deno.test("Turnstile admits no more than 64 at a time, and leaves nothing behind after a million rounds", async () => {
  using clock = new FakeClock();
  const turnstile = new Turnstile();
  const tickets = Array.from({ length: 200 }, () => turnstile.join());
  const hot: Ticket[] = [];
  const rounds = new Map(tickets.map((ticket) => [ticket, 0]));
  const enter = (ticket: Ticket) => {
    const admitted = turnstile.enter(ticket);
    if (admitted) admitted.then(() => hot.push(ticket));
    else hot.push(ticket);
  };
  tickets.forEach(enter);
  for (let done = 0; done < 1_000_000; done++) {
    const ticket = hot.shift();
    assert(ticket && hot.length < WIDTH);
    rounds.set(ticket, (rounds.get(ticket) ?? 0) + 1);
    turnstile.leave(ticket);
    enter(ticket);
    if (hot.length < WIDTH / 2) await Promise.resolve();
  }
  assertEquals(new Set(rounds.values()), new Set([5_000]));

  for (const ticket of hot.splice(0)) turnstile.leave(ticket);
  for (let count = 0; count < 200; count++) {
    await settled();
    for (const ticket of hot.splice(0)) turnstile.leave(ticket);
    clock.turn();
  }
  for (const ticket of tickets) {
    assertEquals([ticket.hot, ticket.next, ticket.admit], [
      false,
      undefined,
      undefined,
    ]);
    turnstile.part(ticket);
  }
  assertEquals(turnstile.crowded, false);
  assertEquals(fill(turnstile).length, WIDTH);
});

Deno.test("Turnstile forgets the end of a line that has become empty", async () => {
  using _clock = new FakeClock();
  const turnstile = new Turnstile();
  const [first, second] = fill(turnstile);
  assert(first && second);
  const order: string[] = [];
  queue(turnstile, ["a"], order);
  turnstile.leave(first);
  queue(turnstile, ["b"], order);
  turnstile.leave(second);
  await settled();
  assertEquals(order, ["a", "b"]);
});

Deno.test("Turnstile counts the turns from when a place was taken", async () => {
  using clock = new FakeClock();
  const turnstile = new Turnstile();
  const holders = fill(turnstile);
  const order: string[] = [];
  // One waits all the time, so that turns are counted.
  queue(turnstile, Array.from({ length: 65 }, (_, i) => `${i}`), order);
  for (let turn = 0; turn < TURNS; turn++) clock.turn();
  await settled();
  assertEquals(order.length, WIDTH);
  assertEquals(holders.some(({ hot }) => hot), false);
  for (let turn = 1; turn < TURNS; turn++) clock.turn();
  await settled();
  assertEquals(
    order.length,
    WIDTH,
    "the new holders keep their places as long",
  );
  clock.turn();
  await settled();
  assertEquals(order.length, WIDTH + 1);
});

Deno.test("Turnstile lets nobody in for a connection that had no place", async () => {
  using _clock = new FakeClock();
  const turnstile = new Turnstile();
  fill(turnstile);
  const order: string[] = [];
  queue(turnstile, ["a"], order);
  // Its first read is free.
  const newcomer = turnstile.join();
  assertEquals(newcomer.hot, false);
  turnstile.part(newcomer);
  await settled();
  assertEquals(order, []);
});

Deno.test("Turnstile counts no turns while nobody waits", async () => {
  using clock = new FakeClock();
  const turnstile = new Turnstile();
  const [holder] = fill(turnstile);
  assert(holder);
  assertEquals(clock.immediates, 0);
  queue(turnstile, ["a", "b"], []);
  assertEquals(clock.immediates, 1);
  for (let turn = 0; turn < TURNS; turn++) clock.turn();
  await settled();
  assertEquals(clock.immediates, 0);
});
