import { readSize } from "../../src/cli/size.ts";
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
