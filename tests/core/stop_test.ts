import { combine } from "../../src/core/combine.ts";
import { serve } from "../../src/core/server.ts";
import type { ServeOptions } from "../../src/core/serve_options.ts";
import type { Listener } from "../../src/core/transport.ts";
import { faultyListener } from "../../src/faults/faulty_listener.ts";
import { behindProxy } from "../../src/listen/behind_proxy.ts";
import { assertEquals } from "../helpers/assert.ts";
import { FakeClock, settled } from "../helpers/fake_clock.ts";
import {
  type MemoryConnection,
  MemoryListener,
  StoppableListener,
  systemError,
} from "../helpers/memory.ts";
import { version1 } from "../helpers/proxy_header.ts";

const HEADER = version1("TCP4 203.0.113.7 192.0.2.2 4660 7");

/** A full server of one place, with two clients that wait. */
async function startFull(
  listener: Listener | readonly Listener[],
  connect: () => MemoryConnection,
  options: ServeOptions = {},
) {
  const server = serve(listener, { maxConnections: 1, ...options });
  const served = connect();
  await settled();
  return { server, served, waiting: [connect(), connect()] };
}

Deno.test("shutdown() serves those that a listener has accepted which can be stopped", async () => {
  const listener = new StoppableListener();
  const { server, served, waiting } = await startFull(
    listener,
    () => listener.connect(),
  );
  let isFinished = false;
  const done = server.shutdown().then(() => isFinished = true);
  assertEquals([listener.stopped, listener.closed], [1, 0]);
  for (const client of [served, ...waiting]) {
    client.send([7]);
    await settled();
    assertEquals([client.take(), isFinished], [[7], false]);
    client.end();
    await settled();
  }
  await done;
  assertEquals([listener.stopped, listener.closed], [1, 1]);
  assertEquals([server.stats().accepted, server.stats().stopping], [3, true]);
});

Deno.test("A listener that is stopped is closed when the grace is over, or at once", async () => {
  using clock = new FakeClock();
  for (const grace of [100, 0]) {
    const listener = new StoppableListener();
    const { server, served } = await startFull(
      listener,
      () => listener.connect(),
    );
    const done = server.shutdown({ grace });
    await clock.advance(grace);
    assertEquals([listener.closed, served.closed], [1, 1]);
    await done;
    assertEquals([listener.waiting, server.stats().accepted], [2, 1]);
  }
});

Deno.test("A listener that never ends after it is stopped is not waited for", async () => {
  using clock = new FakeClock();
  const listener = new MemoryListener();
  const server = serve(Object.assign(listener, { stop() {} }));
  await settled();
  const done = server.shutdown();
  await clock.advance(10_000);
  await done;
  assertEquals(listener.closed, 1);
});

Deno.test("Of several listeners, those are stopped that can be, and the others closed", async () => {
  const listener = new StoppableListener();
  const other = new MemoryListener();
  // As a Deno.Listener does.
  other.close = () => {
    other.closed++;
    other.failAccept(systemError("EBADF"));
  };
  const errors: unknown[] = [];
  const { server, served, waiting } = await startFull(
    [listener, other],
    () => listener.connect(),
    { onError: (error) => errors.push(error) },
  );
  const done = server.shutdown();
  assertEquals([listener.stopped, other.closed], [1, 1]);
  for (const client of [served, ...waiting]) {
    client.end();
    await settled();
  }
  await done;
  assertEquals([server.stats().accepted, errors], [3, []]);
  assertEquals(listener.closed, 1);
});

Deno.test("Listeners of which none can be stopped cannot be stopped together", () => {
  const combined = combine([new MemoryListener(), new MemoryListener()]);
  assertEquals(combined.stop, undefined);
});

Deno.test("A decorated listener can be stopped if the inner one can be", async () => {
  const makes = [
    (inner: Listener) => faultyListener(inner, { close: 1_000 }),
    (inner: Listener) => behindProxy(inner, ["192.0.2.0/24"]),
  ];
  for (const make of makes) {
    assertEquals((await make(new MemoryListener())).stop, undefined);
    const inner = new StoppableListener();
    const listener = await make(inner);
    const connect = () => {
      const client = inner.connect();
      if (make === makes[1]) client.send(HEADER);
      return client;
    };
    const { server, served, waiting } = await startFull(listener, connect);
    const done = server.shutdown();
    for (const client of [served, ...waiting]) {
      client.send([7]);
      await settled();
      assertEquals(client.take(), [7]);
      client.end();
      await settled();
    }
    await done;
    assertEquals([inner.stopped, inner.closed], [1, 1]);
  }
});

Deno.test("A client whose PROXY header is under way is served, too", async () => {
  const inner = new StoppableListener();
  const server = serve(await behindProxy(inner, ["192.0.2.0/24"]));
  const client = inner.connect();
  client.send(HEADER.subarray(0, 9));
  await settled();
  const done = server.shutdown();
  client.send([...HEADER.subarray(9), 7]);
  await settled();
  assertEquals(client.take(), [7]);
  client.end();
  await done;
  assertEquals(server.stats().accepted, 1);
});
