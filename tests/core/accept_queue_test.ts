import { AcceptQueue } from "../../src/core/accept_queue.ts";
import { assertEquals, assertRejects } from "../helpers/assert.ts";
import { settled } from "../helpers/fake_clock.ts";

Deno.test("A queue gives values and errors in their order, then waits", async () => {
  const queue = new AcceptQueue<number>();
  queue.push(1);
  queue.fail(new Error("boom"));
  queue.push(2);
  assertEquals(await queue.next(), 1);
  await assertRejects(() => queue.next(), Error, "boom");
  assertEquals(await queue.next(), 2);
  const next = queue.next();
  queue.push(3);
  assertEquals(await next, 3);
});

Deno.test("A queue has one pending call at a time, and the next one after it", async () => {
  const queue = new AcceptQueue<number>();
  const first = queue.next();
  await assertRejects(() => queue.next(), Error, "another accept() is pending");
  queue.fail(new Error("boom"));
  await assertRejects(() => first, Error, "boom");
  queue.push(1);
  assertEquals(await queue.next(), 1);
});

Deno.test("A queue asks for more when there is nothing, and again when it is woken", async () => {
  const queue = new AcceptQueue<number>();
  let asked = 0;
  const ask = () => asked++;
  queue.push(1);
  queue.push(2);
  assertEquals([await queue.next(ask), asked], [1, 0]);
  assertEquals([await queue.next(ask), asked], [2, 0]);
  const pending = queue.next(ask);
  assertEquals(asked, 1);
  queue.wake();
  await settled();
  assertEquals(asked, 2);
  queue.push(3);
  assertEquals([await pending, asked], [3, 2]);
  queue.end();
  assertEquals([await queue.next(ask), asked], [null, 2]);
});

Deno.test("A queue that has ended gives what waits, and then null", async () => {
  const queue = new AcceptQueue<number>();
  queue.push(1);
  queue.end();
  assertEquals([await queue.next(), await queue.next()], [1, null]);
  const other = new AcceptQueue<number>();
  const pending = other.next();
  other.end();
  assertEquals(await pending, null);
});

Deno.test("A closed queue gives null, and what nobody has asked for to its owner", async () => {
  const queue = new AcceptQueue<number>();
  const pending = queue.next();
  assertEquals(queue.close(), []);
  assertEquals(await pending, null);

  const full = new AcceptQueue<number>();
  full.push(1);
  full.fail(new Error("boom"));
  full.push(2);
  assertEquals(full.close(), [1, 2]);
  assertEquals(await full.next(), null);
  assertEquals(full.close(), []);
});
