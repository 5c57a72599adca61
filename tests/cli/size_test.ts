import { readSize, readSizeFrom0, readSizes } from "../../src/cli/size.ts";
import { assertEquals } from "../helpers/assert.ts";

Deno.test("readSize() reads bytes, with or without a unit", () => {
  const sizes: Record<string, number> = {
    "1": 1,
    "64": 64,
    "64B": 64,
    "4KiB": 4_096,
    "1.5KiB": 1_536,
    "1MiB": 1_048_576,
    "2GiB": 2_147_483_648,
    "1TiB": 1_099_511_627_776,
  };
  for (const [text, size] of Object.entries(sizes)) {
    assertEquals(readSize(text), size, text);
  }
});

Deno.test("readSize() takes nothing else", () => {
  const wrong = [
    "",
    "0",
    "0MiB",
    "-1",
    "1.5",
    "0.3KiB",
    "4K",
    "4kB",
    "4kib",
    "1e3",
    "1 MiB",
    "KiB",
    "9000TiB",
    "1constructor",
  ];
  assertEquals(wrong.map(readSize), wrong.map(() => undefined));
});

Deno.test("readSizeFrom0() takes 0, too", () => {
  const texts = ["0", "1", "4KiB", "00", "0B", "-1", ""];
  assertEquals(texts.map(readSizeFrom0), [
    0,
    1,
    4_096,
    ...texts.slice(3).map(() => undefined),
  ]);
});

Deno.test("readSizes() reads one size, or the least and the most", () => {
  assertEquals(["64", "1..64KiB", "7..7"].map(readSizes), [
    [64, 64],
    [1, 65_536],
    [7, 7],
  ]);
  const wrong = ["", "2..1", "1..2..3", "..", "1..", "..1", "0..1", "1...2"];
  assertEquals(wrong.map(readSizes), wrong.map(() => undefined));
});
