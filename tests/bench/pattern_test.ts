import { Pattern } from "../../src/bench/pattern.ts";
import { assert, assertEquals } from "../helpers/assert.ts";

const { KEY, PERIOD, REACH, SHORT_KEY } = Pattern;
const pattern = new Pattern();

/** The pattern's bytes from a place on, one by one. */
function bytesFrom(place: number, count: number): Uint8Array {
  return Uint8Array.from(
    { length: count },
    (_, i) => pattern.bytes[(place + i) % PERIOD] ?? 0,
  );
}

/** Numbers near what may be a boundary. */
const near = (...places: number[]) =>
  places.flatMap((place) => [-9, -5, -1, 0, 1, 5, 9].map((by) => place + by));

Deno.test("Pattern repeats itself after its period, up to the last byte", () => {
  assertEquals(pattern.bytes.length, PERIOD + REACH);
  for (let at = PERIOD; at < pattern.bytes.length; at++) {
    assert(pattern.bytes[at] === pattern.bytes[at - PERIOD], `at ${at}`);
  }
});

Deno.test("Pattern has in one piece what its places have, across every boundary", () => {
  const places = near(0, PERIOD / 2 | 0, PERIOD)
    .filter((place) => place >= 0 && place < PERIOD);
  const sizes = near(1, KEY, 64, 65_507, PERIOD, REACH)
    .filter((size) => size > 0 && size <= REACH);
  for (const place of places) {
    const right = bytesFrom(place, REACH);
    for (const size of sizes) {
      const piece = pattern.bytes.subarray(place, place + size);
      const is = piece.equals(right.subarray(0, size));
      assert(is, `${size} bytes from ${place}`);
    }
  }
});

Deno.test("Pattern matches what is right, of any size, and nothing else", () => {
  for (const place of [0, 1, PERIOD - 5, PERIOD - 1]) {
    for (const size of near(64, PERIOD, REACH, 2 * PERIOD, 2 * REACH)) {
      const bytes = bytesFrom(place, size);
      assert(pattern.matches(bytes, size, place));
      assertEquals(pattern.matchLength(bytes, place, size), size);
      assertEquals(pattern.matchLength(bytes, place, 7), 7);
      for (const at of [0, size >> 1, size - 1]) {
        const byte = bytes[at] ?? 0;
        bytes[at] = byte ^ 1;
        assert(!pattern.matches(bytes, size, place), `${size}: ${at}`);
        assertEquals(pattern.matchLength(bytes, place, size), at);
        bytes[at] = byte;
      }
    }
  }
});

Deno.test("Pattern finds any eight of its bytes, and nearly any four, and no others", () => {
  for (let place = 0; place < PERIOD; place++) {
    const found = pattern.find(pattern.bytes, place);
    assert(found === place, `${found} for ${place}`);
  }
  const twice = new Set<number>();
  for (let place = 0; place < PERIOD; place++) {
    const found = pattern.find(pattern.bytes, place, 5);
    assert(found === place, `${found} for ${place}`);
    const short = pattern.find(pattern.bytes, place, SHORT_KEY);
    if (short !== place) twice.add(place);
  }
  assertEquals(twice.size, 2);
  assertEquals(pattern.find(new Uint8Array(KEY), 0), undefined);
  assertEquals(pattern.find(bytesFrom(100, KEY - 1), 0), undefined);
});
