import { InFlight } from "../../src/bench/in_flight.ts";
import { assertEquals } from "../helpers/assert.ts";

Deno.test("InFlight keeps the order, however many there are", () => {
  const inFlight = new InFlight();
  let [pushed, shifted] = [0, 0];
  for (let round = 1; round < 20; round++) {
    for (let i = 0; i < round; i++) inFlight.push(++pushed, -pushed);
    for (let i = 0; i < round - 1; i++) {
      assertEquals([inFlight.end, inFlight.time], [++shifted, -shifted]);
      inFlight.shift();
    }
    assertEquals(inFlight.count, pushed - shifted);
  }
  while (inFlight.count > 0) {
    assertEquals(inFlight.end, ++shifted);
    inFlight.shift();
  }
  assertEquals([shifted, inFlight.end, inFlight.time], [
    pushed,
    Infinity,
    Infinity,
  ]);
});
