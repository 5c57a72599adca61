import { InFlight } from "../../src/bench/in_flight.ts";
import { assertEquals } from "../helpers/assert.ts";

Deno.test("InFlight keeps the order, however many there are", () => {
  const inFlight = new InFlight();
  let [pushed, shifted] = [0, 0];
  for (let round = 1; round < 20; round++) {
    for (let i = 0; i < round; i++) {
      inFlight.push(++pushed, -pushed, pushed / 2);
    }
    for (let i = 0; i < round - 1; i++) {
      const { end, time, sentAt } = inFlight;
      assertEquals([end, time, sentAt], [++shifted, -shifted, shifted / 2]);
      inFlight.shift();
    }
    assertEquals(inFlight.count, pushed - shifted);
  }
  while (inFlight.count > 0) {
    assertEquals(inFlight.end, ++shifted);
    inFlight.shift();
  }
  const { end, time, sentAt } = inFlight;
  assertEquals([shifted, end, time, sentAt], [pushed, ...Array(3).fill(1 / 0)]);
  inFlight.push(1, 5);
  assertEquals(inFlight.sentAt, 5);
});

Deno.test("InFlight knows how many end after an offset", () => {
  const inFlight = new InFlight();
  for (let i = 1; i <= 10; i++) inFlight.push(i * 10, i);
  inFlight.shift();
  assertEquals(inFlight.countAfter(100, 0), 0);
  assertEquals(inFlight.countAfter(75, 0), 3);
  assertEquals(inFlight.countAfter(75, 9), 2);
  assertEquals(inFlight.countAfter(0, 0), 9);
});

Deno.test("InFlight forgets those that begin at an offset or after it", () => {
  for (const [offset, end, count] of [[95, 100, 9], [90, 90, 8], [20, 20, 1]]) {
    const inFlight = new InFlight();
    for (let i = 1; i <= 10; i++) inFlight.push(i * 10, i);
    inFlight.shift();
    assertEquals(inFlight.cut(offset ?? 0, 10), end);
    assertEquals(inFlight.count, count);
  }
  const inFlight = new InFlight();
  inFlight.push(20, 1);
  assertEquals([inFlight.cut(10, 10), inFlight.end], [10, Infinity]);
});
