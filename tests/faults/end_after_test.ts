import { InjectedFault } from "../../src/core/injected_fault.ts";
import { echo } from "../../src/core/echo.ts";
import { EndAfter } from "../../src/faults/end_after.ts";
import { assertEquals, assertRejects } from "../helpers/assert.ts";
import { settled } from "../helpers/fake_clock.ts";
import { MemoryDuplex } from "../helpers/memory.ts";

/** A connection that can be reset, as over TCP. */
class Resettable extends MemoryDuplex {
  resets = 0;
  /** Lets `delivered` resolve. */
  deliver = () => {};

  delivered(): Promise<void> {
    return new Promise((resolve) => this.deliver = resolve);
  }

  reset(): void {
    this.resets++;
    this.fail(new Error("Closed here"));
  }
}

Deno.test("reset comes after exactly so many bytes, once they are delivered", async () => {
  const inner = new Resettable();
  const connection = new EndAfter(inner, "reset", 5);
  const counts: number[] = [];
  const done = echo(connection, (count) => counts.push(count));
  inner.send([1, 2, 3]);
  await settled();
  inner.deliver();
  await settled();
  assertEquals(inner.resets, 0);
  inner.send([4, 5, 6, 7]);
  inner.end();
  await settled();
  assertEquals([inner.received, inner.resets], [[1, 2, 3, 4, 5], 0]);
  inner.deliver();
  const { fault } = await assertRejects(() => done, InjectedFault);
  assertEquals([fault, inner.resets, counts], ["reset", 1, [0, 3, 0, 2]]);
  connection.close();
  assertEquals(inner.closed, 0);
});

Deno.test("reset=0 and close=0 come at once", async () => {
  const inner = new Resettable();
  const reset = echo(new EndAfter(inner, "reset", 0));
  await settled();
  inner.deliver();
  await assertRejects(() => reset, InjectedFault);
  assertEquals([inner.resets, inner.bufferSizes], [1, []]);
  const close = echo(new EndAfter(new MemoryDuplex(), "close", 0));
  await assertRejects(() => close, InjectedFault);
});

Deno.test("close after a write interrupts a read, which later reads take over", async () => {
  const inner = new MemoryDuplex();
  const connection = new EndAfter(inner, "close", 2);
  const reading = connection.read(new Uint8Array(8));
  assertEquals(await connection.write(new Uint8Array(8)), 2);
  const { fault } = await assertRejects(() => reading, InjectedFault);
  assertEquals([fault, inner.closed, inner.endSent], ["close", 0, false]);
  inner.send([1]);
  assertEquals(await connection.read(new Uint8Array(8)), 1);
  assertEquals(inner.bufferSizes.length, 1);
  inner.send([1, 2]);
  assertEquals(await connection.read(new Uint8Array(8)), 2);
  inner.end();
  assertEquals(await connection.read(new Uint8Array(8)), null);
});

Deno.test("A connection that is closed first is not reset", async () => {
  const inner = new Resettable();
  const connection = new EndAfter(inner, "reset", 2);
  await connection.write(new Uint8Array(8));
  connection.close();
  inner.deliver();
  await settled();
  assertEquals([inner.closed, inner.resets], [1, 0]);
});

Deno.test("close is told when the last byte is written, though the peer sends nothing more", async () => {
  const inner = new MemoryDuplex();
  const done = echo(new EndAfter(inner, "close", 2));
  inner.send([1, 2, 3]);
  const { fault } = await assertRejects(() => done, InjectedFault);
  assertEquals([fault, inner.received], ["close", [1, 2]]);
});

Deno.test("close takes over what comes in at the same time", async () => {
  const inner = new MemoryDuplex();
  const connection = new EndAfter(inner, "close", 1);
  const before = connection.read(new Uint8Array(8));
  inner.send([1, 2]);
  assertEquals(await before, 2);
  const reading = connection.read(new Uint8Array(8));
  const writing = connection.write(new Uint8Array(1));
  inner.send([3, 4, 5]);
  await writing;
  await assertRejects(() => reading, InjectedFault);
  assertEquals(await connection.read(new Uint8Array(8)), 3);
  inner.end();
  assertEquals(await connection.read(new Uint8Array(8)), null);
});

Deno.test("reset waits for nothing but what is on its way", async () => {
  const inner = new Resettable();
  const connection = new EndAfter(inner, "reset", 2);
  await connection.write(new Uint8Array(8));
  inner.deliver();
  await settled();
  assertEquals(inner.resets, 1);
});
