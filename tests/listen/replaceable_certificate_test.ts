import { listenReplaceable } from "../../src/listen/replaceable_certificate.ts";
import type { Connection, Pem } from "../../src/core/transport.ts";
import { assert, assertEquals, assertRejects } from "../helpers/assert.ts";
import { FakeClock, settled } from "../helpers/fake_clock.ts";
import { MemoryConnection, MemoryListener } from "../helpers/memory.ts";

function pemOf(cert: string): Pem {
  return { cert, key: "" };
}

/** A port, and the sockets that were bound to it, by certificate. */
class Port {
  readonly bound: string[] = [];
  readonly sockets = new Map<string, MemoryListener>();
  error: Error | undefined;

  // deno-lint-ignore require-await -- so that what it throws rejects
  readonly bind = async (
    { cert }: Pem,
    place: { readonly port: number; readonly reusePort: boolean },
  ) => {
    if (this.error) throw this.error;
    this.bound.push(`${cert} ${place.port} ${place.reusePort}`);
    const socket = new MemoryListener();
    this.sockets.set(cert, socket);
    return socket;
  };

  /** The socket for a certificate. */
  socket(cert: string): MemoryListener {
    const socket = this.sockets.get(cert);
    assert(socket, `no socket for ${cert}`);
    return socket;
  }

  listen(reusePort = true, port = 7) {
    return listenReplaceable(pemOf("old"), { port, reusePort }, this.bind);
  }
}

/** What an `accept` has resolved with so far. */
function watch(accepting: Promise<Connection | null>) {
  const seen: (Connection | null)[] = [];
  accepting.then((connection) => seen.push(connection));
  return seen;
}

Deno.test("A port that is not to be shared is first bound alone", async () => {
  const port = new Port();
  const first = await port.listen(false);
  assertEquals(port.bound, ["old 7 false", "old 7 true"]);
  first.close();
  const free = new Port();
  (await free.listen(false, 0)).close();
  (await free.listen(true)).close();
  assertEquals(free.bound, ["old 0 true", "old 7 true"]);
});

Deno.test("The old socket is closed when nobody is left in its queue", async () => {
  using clock = new FakeClock();
  const port = new Port();
  const listener = await port.listen();
  const old = port.socket("old");
  const [first, second] = [old.connect(), old.connect()];
  const reloaded = listener.reload?.(pemOf("new"));
  await settled();
  assertEquals(port.bound, ["old 7 true", "new 7 true"]);
  await clock.advance(500);
  // It is not closed before those who wait in it have been asked for.
  assertEquals(old.closed, 0);
  const third = port.socket("new").connect();
  const accepted = [];
  for (let count = 0; count < 3; count++) {
    accepted.push(await listener.accept());
  }
  assertEquals(new Set(accepted), new Set([first, second, third]));
  const seen = watch(listener.accept());
  await clock.advance(1);
  assertEquals(old.closed, 1);
  await reloaded;
  const fourth = port.socket("new").connect();
  await settled();
  assertEquals(seen, [fourth]);
  assertEquals(clock.timers, 0);
  listener.close();
  assertEquals([old.closed, port.socket("new").closed], [1, 1]);
});

Deno.test("It is closed in the end, although clients come without a pause", async () => {
  using clock = new FakeClock();
  const port = new Port();
  const listener = await port.listen();
  const old = port.socket("old");
  const reloaded = listener.reload?.(pemOf("new"));
  const accepting = (async () => {
    while (await listener.accept());
  })();
  const comeTwice = async () => {
    for (let count = 0; count < 2; count++) {
      old.connect();
      await clock.advance(0.9);
    }
  };
  await comeTwice();
  clock.now += 997;
  await comeTwice();
  assertEquals(old.closed, 0);
  await comeTwice();
  assertEquals(old.closed, 1);
  await reloaded;
  listener.close();
  await accepting;
  assertEquals(clock.timers, 0);
});

Deno.test("Where there is no place, the reload does not wait for the queue", async () => {
  using clock = new FakeClock();
  const port = new Port();
  const listener = await port.listen();
  port.socket("old").connect();
  let done = false;
  Promise.resolve(listener.reload?.(pemOf("new"))).then(() => done = true);
  await clock.advance(999);
  assertEquals(done, false);
  await clock.advance(1);
  assertEquals([done, port.socket("old").closed], [true, 0]);
  listener.close();
  assertEquals(clock.timers, 0);
});

Deno.test("What cannot be bound leaves the old socket as it is", async () => {
  const port = new Port();
  const listener = await port.listen();
  port.error = new Error("bad certificate");
  await assertRejects(
    async () => await listener.reload?.(pemOf("new")),
    Error,
    "bad certificate",
  );
  const connection = port.socket("old").connect();
  assertEquals(await listener.accept(), connection);
  listener.close();
});

Deno.test("A second reload waits for all that it replaces, too", async () => {
  using clock = new FakeClock();
  const port = new Port();
  const listener = await port.listen();
  const waiting = port.socket("old").connect();
  const reloads = ["new", "newer"].map((cert) =>
    listener.reload?.(pemOf(cert))
  );
  let done = 0;
  for (const reload of reloads) Promise.resolve(reload).then(() => done++);
  await clock.advance(500);
  assertEquals(done, 0);
  assertEquals(await listener.accept(), waiting);
  const accepting = watch(listener.accept());
  await clock.advance(1);
  await Promise.all(reloads);
  assertEquals(
    ["old", "new", "newer"].map((cert) => port.socket(cert).closed),
    [1, 1, 0],
  );
  const connection = port.socket("newer").connect();
  await settled();
  assertEquals(accepting, [connection]);
  listener.close();
  assertEquals(clock.timers, 0);
});

Deno.test("Errors of accept come through, and close() closes what was not asked for", async () => {
  using clock = new FakeClock();
  const port = new Port();
  const listener = await port.listen();
  const reloaded = listener.reload?.(pemOf("new"));
  const accepting = watch(listener.accept());
  await settled();
  const [first, second] = [new MemoryConnection(), new MemoryConnection()];
  port.socket("new").connect(first);
  port.socket("old").connect(second);
  await settled();
  assertEquals(accepting.length, 1);
  port.socket("new").failAccept(new Error("no descriptor"));
  await assertRejects(
    async () => {
      while (await listener.accept());
    },
    Error,
    "no descriptor",
  );
  listener.close();
  listener.close();
  await reloaded;
  assertEquals(await listener.accept(), null);
  assertEquals(clock.timers, 0);
});

Deno.test("A second accept() at the same time is refused, and the first goes on", async () => {
  const port = new Port();
  const listener = await port.listen();
  const accepted = listener.accept();
  await assertRejects(
    () => listener.accept(),
    Error,
    "Cannot accept: another accept() is pending",
  );
  const connection = port.socket("old").connect();
  assertEquals(await accepted, connection);
  listener.close();
  assertEquals(await listener.accept(), null);
});
