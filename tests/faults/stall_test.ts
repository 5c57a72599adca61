import { Clock } from "../../src/faults/clock.ts";
import { Stall } from "../../src/faults/stall.ts";
import { assertEquals, assertRejects } from "../helpers/assert.ts";
import { FakeClock, settled } from "../helpers/fake_clock.ts";
import { MemoryConnection, MemoryDuplex } from "../helpers/memory.ts";

/** Writes everything. */
async function writeAll(connection: Stall, count: number): Promise<void> {
  const bytes = new Uint8Array(count);
  for (let sent = 0; sent < count;) {
    sent += await connection.write(bytes.subarray(sent));
  }
}

Deno.test("stall echoes nothing at the beginning, and everything after it", async () => {
  using clock = new FakeClock();
  const inner = new MemoryConnection();
  const connection = new Stall(inner, 100, 0, new Clock());
  const writing = writeAll(connection, 5);
  await clock.advance(99);
  assertEquals(inner.received.length, 0);
  await clock.advance(1);
  await writing;
  await writeAll(connection, 5);
  assertEquals([inner.received.length, clock.timers], [10, 0]);
});

Deno.test("stall with after begins after exactly so many bytes", async () => {
  using clock = new FakeClock();
  const inner = new MemoryConnection();
  const connection = new Stall(inner, 100, 7, new Clock());
  await clock.advance(1_000);
  await writeAll(connection, 5);
  const writing = writeAll(connection, 5);
  await clock.advance(99);
  assertEquals(inner.received.length, 7);
  await clock.advance(1);
  await writing;
  assertEquals(inner.received.length, 10);
});

Deno.test("A stall that nobody waited for is over all the same", async () => {
  using clock = new FakeClock();
  const inner = new MemoryConnection();
  const connection = new Stall(inner, 100, 0, new Clock());
  await clock.advance(100);
  const writing = writeAll(connection, 5);
  await clock.advance(1);
  await writing;
});

Deno.test("A stall ends with the connection", async () => {
  using clock = new FakeClock();
  for (const end of ["close", "closeWrite"] as const) {
    const connection = new Stall(new MemoryDuplex(), 100, 0, new Clock());
    const writing = writeAll(connection, 1);
    await settled();
    await connection[end]?.();
    await assertRejects(() => writing, Error);
    assertEquals(clock.timers, 0);
  }
});
