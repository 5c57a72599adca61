import { combine, Combined } from "../../src/core/combine.ts";
import { memoryListener } from "../../src/core/memory_listener.ts";
import { serve } from "../../src/core/server.ts";
import type {
  Connection,
  Datagrams,
  Listener,
} from "../../src/core/transport.ts";
import {
  assertEquals,
  assertRejects,
  assertThrows,
} from "../helpers/assert.ts";
import { settled } from "../helpers/fake_clock.ts";
import {
  MemoryConnection,
  MemoryListener,
  systemError,
} from "../helpers/memory.ts";

Deno.test("combine() needs a listener, and leaves a single one as it is", () => {
  assertThrows(() => combine([]), TypeError, "there must be a listener");
  const listener = new MemoryListener();
  assertEquals(combine([listener]), listener);
});

Deno.test("A quiet listener does not keep the others waiting", async () => {
  const [quiet, busy] = [new MemoryListener(), new MemoryListener()];
  const combined = combine([quiet, busy]);
  assertEquals(combined.addr, quiet.addr);
  for (let i = 0; i < 3; i++) {
    const accepted = combined.accept();
    await settled();
    const connection = busy.connect();
    assertEquals(await accepted, connection);
  }
  assertEquals(quiet.accepts, 1);
  const connection = quiet.connect();
  assertEquals(await combined.accept(), connection);
});

Deno.test("A busy listener does not keep the others waiting", async () => {
  const [first, second] = [new MemoryListener(), new MemoryListener()];
  const combined = combine([first, second]);
  const expected = [1, 2, 3].flatMap(() => [first.connect(), second.connect()]);
  for (const connection of expected) {
    assertEquals(await combined.accept(), connection);
  }
});

Deno.test("Nothing is accepted that has not been asked for, but one of each", async () => {
  const [first, second] = [new MemoryListener(), new MemoryListener()];
  const combined = combine([first, second]);
  for (let i = 0; i < 3; i++) {
    first.connect();
    second.connect();
  }
  await combined.accept();
  await settled();
  assertEquals([first.waiting, second.waiting], [2, 2]);
});

Deno.test("An error of one listener is passed on, and the others go on", async () => {
  const [broken, sound] = [new MemoryListener(), new MemoryListener()];
  const combined = combine([broken, sound]);
  broken.failAccept(systemError("EMFILE"));
  await assertRejects(() => combined.accept(), Error, "EMFILE");
  const connection = sound.connect();
  assertEquals(await combined.accept(), connection);
  const later = broken.connect();
  assertEquals(await combined.accept(), later);
});

Deno.test("A closed one accepts nothing, and closes what nobody has asked for", async () => {
  const [first, second] = [new MemoryListener(), new MemoryListener()];
  const combined = combine([first, second]);
  const left = [first.connect(), second.connect()];
  const accepted = await combined.accept();
  const [other] = left.filter((connection) => connection !== accepted);
  combined.close();
  combined.close();
  assertEquals([first.closed, second.closed], [1, 1]);
  assertEquals(await combined.accept(), null);
  assertEquals([accepted, other?.closed], [left[0] ?? null, 1]);
});

Deno.test("A pending accept() ends with the listener", async () => {
  const combined = combine([new MemoryListener(), new MemoryListener()]);
  const accepted = combined.accept();
  await settled();
  combined.close();
  assertEquals(await accepted, null);
});

Deno.test("A connection that comes in while it is being closed is closed", async () => {
  const [first, second] = [new MemoryListener(), new MemoryListener()];
  const combined = combine([first, second]);
  const accepted = combined.accept();
  await settled();
  const late = second.connect();
  combined.close();
  assertEquals(await accepted, null);
  await settled();
  assertEquals(late.closed + second.waiting, 1);
});

Deno.test("It ends when all of them have ended", async () => {
  const [first, second] = [new MemoryListener(), new MemoryListener()];
  const combined = combine([first, second]);
  first.close();
  const accepted = combined.accept();
  await settled();
  const connection = second.connect();
  assertEquals(await accepted, connection);
  second.close();
  assertEquals(await combined.accept(), null);
});

Deno.test("A listener that is added is asked at once by a pending accept()", async () => {
  const [first, second] = [new MemoryListener(), new MemoryListener()];
  const combined = new Combined(first.addr, [first]);
  const accepted = combined.accept();
  await settled();
  combined.add(second);
  const connection = second.connect();
  assertEquals(await accepted, connection);
  first.close();
  const later = combined.accept();
  await settled();
  const last = second.connect();
  assertEquals(await later, last);
  second.close();
  assertEquals(await combined.accept(), null);
});

Deno.test("A listener that is added is not asked before accept()", async () => {
  const [first, second] = [new MemoryListener(), new MemoryListener()];
  const combined = new Combined(first.addr, [first]);
  combined.add(second);
  await settled();
  assertEquals(second.accepts, 0);
});

Deno.test("A listener that has ended and is forgotten is not closed again", async () => {
  const [old, now] = [new MemoryListener(), new MemoryListener()];
  const combined = new Combined(old.addr, [old, now]);
  const accepted = combined.accept();
  await settled();
  old.close();
  combined.forget(old);
  const connection = now.connect();
  assertEquals(await accepted, connection);
  await combined.close();
  assertEquals([old.closed, now.closed], [1, 1]);
});

Deno.test("Datagrams are added up, where there are any", () => {
  const counting = (datagrams: Datagrams) =>
    Object.assign(new MemoryListener(), { datagrams });
  const silent = new MemoryListener();
  assertEquals(combine([silent, silent]).datagrams, undefined);
  const one = counting({ echoed: 1, dropped: 2, bytes: 3 });
  const sum = { echoed: 2, dropped: 4, bytes: 6 };
  assertEquals(combine([one, silent, one]).datagrams, sum);
});

Deno.test("A server shares its places, and is drained once", async () => {
  const [first, second] = [new MemoryListener(), new MemoryListener()];
  const server = serve(combine([first, second]), { maxConnections: 1 });
  const one = first.connect();
  const other = second.connect();
  other.send([2]);
  await settled();
  assertEquals([server.stats().active, other.received], [1, []]);
  one.end();
  await settled();
  assertEquals(other.received, [2]);
  const done = server.shutdown();
  assertEquals([first.closed, second.closed], [1, 1]);
  other.end();
  await done;
  assertEquals(server.stats().accepted, 2);
});

Deno.test("serve() serves several listeners, and names them all", async () => {
  const [tcp, other] = [new MemoryListener(), memoryListener()];
  await using server = serve([tcp, other]);
  assertEquals(server.addr, tcp.addr);
  assertEquals(server.addrs, [tcp.addr, other.addr]);
  tcp.connect();
  other.connect();
  await settled();
  assertEquals(server.stats().active, 2);
  assertThrows(() => serve([]), TypeError, "there must be a listener");
});

/** Closes a combined listener, one of whose listeners then hands over a connection. */
async function handOverLate(connection: Connection): Promise<void> {
  const handOver = Promise.withResolvers<Connection>();
  const slow: Listener = {
    addr: connection.remoteAddr,
    accept: () => handOver.promise,
    close() {},
  };
  const combined = combine([slow, new MemoryListener()]);
  const accepted = combined.accept();
  combined.close();
  handOver.resolve(connection);
  assertEquals(await accepted, null);
  await settled();
}

Deno.test("A connection that a listener hands over after close() is closed", async () => {
  const connection = new MemoryConnection();
  await handOverLate(connection);
  assertEquals(connection.closed, 1);
});

Deno.test("A late connection whose close() rejects harms nobody", async () => {
  await handOverLate(Object.assign(new MemoryConnection(), {
    close: () => Promise.reject(new Error("boom")),
  }));
});

Deno.test("close() ends a pending accept() even if no listener does", async () => {
  const stuck = (): Listener => ({
    addr: new MemoryListener().addr,
    accept: () => new Promise(() => {}),
    close() {},
  });
  const combined = combine([stuck(), stuck()]);
  const accepted = combined.accept();
  await settled();
  combined.close();
  assertEquals(await accepted, null);
});

Deno.test("close() minds no listener that has given nothing, or an error", async () => {
  const giving = (accept: () => unknown) =>
    Object.assign(new MemoryListener(), { accept });
  const combined = combine([
    giving(() => Promise.resolve(undefined)),
    giving(() => Promise.resolve(undefined)),
    giving(() => Promise.reject(new Error("boom"))),
    new MemoryListener(),
  ]);
  assertEquals(await combined.accept(), undefined);
  await combined.close();
});

Deno.test("ref() and unref() reach every listener that has them", () => {
  const calls: string[] = [];
  const counting = (name: string) =>
    Object.assign(new MemoryListener(), {
      ref: () => calls.push(`ref ${name}`),
      unref: () => calls.push(`unref ${name}`),
    });
  const combined = combine([
    counting("a"),
    new MemoryListener(),
    counting("b"),
  ]);
  combined.unref?.();
  combined.ref?.();
  assertEquals(calls, ["unref a", "unref b", "ref a", "ref b"]);
});

Deno.test("combine() rejects an accept while another one is pending", async () => {
  const listener = combine([new MemoryListener(), new MemoryListener()]);
  const accepted = listener.accept();
  await assertRejects(
    () => listener.accept(),
    Error,
    "Cannot accept: another accept() is pending",
  );
  listener.close();
  assertEquals(await accepted, null);
  assertEquals(await listener.accept(), null);
});
