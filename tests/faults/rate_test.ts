import { Clock } from "../../src/faults/clock.ts";
import { Rate } from "../../src/faults/rate.ts";
import { assert, assertEquals, assertRejects } from "../helpers/assert.ts";
import { FakeClock } from "../helpers/fake_clock.ts";
import { MemoryConnection, MemoryDuplex } from "../helpers/memory.ts";

/** Writes until the connection fails. */
async function writeOn(connection: Rate): Promise<void> {
  const bytes = new Uint8Array(64 * 1024);
  for (;;) await connection.write(bytes);
}

for (const rate of [1, 100, 65_536, 1_000_000]) {
  Deno.test(`rate=${rate} sends so many bytes a second`, async () => {
    using clock = new FakeClock();
    const inner = new MemoryConnection();
    const connection = new Rate(inner, rate, new Clock());
    const writing = writeOn(connection);
    for (const seconds of [1, 2, 3]) {
      await clock.advance(1_000);
      const sent = inner.received.length;
      // One piece goes at the beginning.
      const most = seconds * rate + Math.max(1, rate / 50);
      assert(sent >= seconds * rate && sent <= most, `${sent}`);
      assertEquals(clock.timers, 1);
    }
    connection.close();
    await assertRejects(() => writing, Error);
    assertEquals(clock.timers, 0);
  });
}

Deno.test("rate sends no more after a rest than before it", async () => {
  using clock = new FakeClock();
  const inner = new MemoryConnection();
  const connection = new Rate(inner, 1_000, new Clock());
  await clock.advance(60_000);
  const writing = writeOn(connection);
  await clock.advance(1_000);
  assert(inner.received.length <= 1_100, `${inner.received.length}`);
  connection.close();
  await assertRejects(() => writing, Error);
});

Deno.test("rate ends a write that waits when the end is sent", async () => {
  using _clock = new FakeClock();
  const inner = new MemoryDuplex();
  const connection = new Rate(inner, 10, new Clock());
  assertEquals(await connection.write(new Uint8Array(5)), 1);
  const writing = connection.write(new Uint8Array(4));
  await connection.closeWrite?.();
  await assertRejects(() => writing, Error);
  assertEquals([inner.received.length, inner.endSent], [1, true]);
});
