import { Turnstile } from "../../src/core/turnstile.ts";
import { Deaf } from "../../src/faults/deaf.ts";
import { Mute } from "../../src/faults/mute.ts";
import { assertEquals, assertRejects } from "../helpers/assert.ts";
import { settled } from "../helpers/fake_clock.ts";
import { MemoryConnection } from "../helpers/memory.ts";

Deno.test("deaf never reads, until it is closed", async () => {
  const inner = new MemoryConnection();
  const connection = new Deaf(inner);
  const reading = connection.read();
  inner.send([1, 2, 3]);
  inner.end();
  await settled();
  assertEquals([inner.unread, inner.bufferSizes.length], [3, 0]);
  connection.close();
  await assertRejects(() => reading, Error);
  assertEquals(inner.closed, 1);
});

Deno.test("mute reads everything, and answers nothing", async () => {
  const inner = new MemoryConnection();
  const counts: number[] = [];
  const connection = new Mute(inner, new Turnstile());
  const done = connection.pipe((count) => counts.push(count));
  inner.send([1, 2, 3]);
  await settled();
  inner.send([4]);
  await settled();
  assertEquals([inner.unread, counts], [0, [0, 0]]);
  inner.end();
  await done;
  assertEquals(inner.received, []);
});

Deno.test("mute gives a caller of read() only the end", async () => {
  const inner = new MemoryConnection();
  let ended = false;
  const reading = new Mute(inner, new Turnstile()).read()
    .finally(() => ended = true);
  inner.send([1, 2, 3]);
  await settled();
  assertEquals([ended, inner.unread], [false, 0]);
  inner.end();
  assertEquals(await reading, null);
});
