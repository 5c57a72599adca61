import { Pattern } from "../../src/bench/pattern.ts";
import { assert, assertEquals } from "../helpers/assert.ts";

const { PERIOD, REACH } = Pattern;

Deno.test("The pattern repeats itself up to its last byte", () => {
  const { bytes } = new Pattern();
  assertEquals(bytes.length, PERIOD + REACH);
  const wrong = bytes.findIndex((byte, at) => byte !== bytes[at % PERIOD]);
  assertEquals(wrong, -1);
});

Deno.test("The pattern can be taken from any place, across every boundary", () => {
  const pattern = new Pattern();
  const edges = [0, 1, REACH - PERIOD, PERIOD - REACH % PERIOD, PERIOD - 1];
  for (const place of edges.map((edge) => (edge + PERIOD) % PERIOD)) {
    for (const size of [1, 5, PERIOD - place, PERIOD, REACH - 1, REACH]) {
      const taken = pattern.bytes.subarray(place, place + size);
      const expected = Uint8Array.from(
        { length: size },
        (_, i) => pattern.bytes[(place + i) % PERIOD] ?? 0,
      );
      assert(taken.equals(expected), `${size} bytes from ${place}`);
      assert(pattern.matches(expected, size, place));
    }
  }
});

Deno.test("Any eight bytes of the pattern tell their place", () => {
  const pattern = new Pattern();
  for (let place = 0; place < PERIOD; place += 997) {
    assertEquals(pattern.find(pattern.bytes.subarray(place), 0), place);
  }
  assertEquals(pattern.find(new Uint8Array(8), 0), undefined);
});
