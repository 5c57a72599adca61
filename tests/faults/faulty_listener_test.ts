import {
  type ClosedConnection,
  type Connection,
  echo,
  faultyConnection,
  faultyListener,
  InjectedFault,
  type Listener,
  serve,
  type ServeOptions,
  type StreamFaults,
} from "../../mod.ts";
import {
  assert,
  assertEquals,
  assertRejects,
  assertThrows,
} from "../helpers/assert.ts";
import { FakeClock, settled } from "../helpers/fake_clock.ts";
import {
  MemoryConnection,
  MemoryDuplex,
  MemoryListener,
} from "../helpers/memory.ts";

/** A server whose connections have faults. */
class Faulty implements AsyncDisposable {
  readonly listener = new MemoryListener();
  readonly closed: ClosedConnection[] = [];
  readonly errors: unknown[] = [];
  readonly server;

  constructor(faults: StreamFaults, options: ServeOptions = {}) {
    this.server = serve(faultyListener(this.listener, faults), {
      onClose: (connection) => this.closed.push(connection),
      onError: (error) => this.errors.push(error),
      ...options,
    });
  }

  async connect(): Promise<MemoryDuplex> {
    const connection = new MemoryDuplex();
    this.listener.connect(connection);
    await settled();
    return connection;
  }

  async [Symbol.asyncDispose]() {
    await this.server[Symbol.asyncDispose]();
  }
}

/** Returns which of so many connections are affected. */
async function affected(faults: StreamFaults, count: number): Promise<string> {
  const listener = new MemoryListener();
  const faulty = faultyListener(listener, faults);
  let which = "";
  for (let index = 0; index < count; index++) {
    const inner = listener.connect();
    which += await faulty.accept() === inner ? "-" : "x";
  }
  return which;
}

Deno.test("share affects some connections, the others are as they were", async () => {
  const faults = { mute: true, share: 25, seed: 1 };
  const which = await affected(faults, 400);
  const count = which.replaceAll("-", "").length;
  assert(count > 70 && count < 130, `${count}`);
  assertEquals(await affected(faults, 400), which);
  assert(await affected({ ...faults, seed: 2 }, 400) !== which);
  assertEquals(await affected({ mute: true, share: 0 }, 3), "---");
  assertEquals(await affected({ mute: true }, 3), "xxx");
});

Deno.test("A thousand delayed connections cost one timer", async () => {
  using clock = new FakeClock();
  await using faulty = new Faulty({ delay: 50, rate: 1_000, stall: 5 });
  const connections: MemoryDuplex[] = [];
  for (let count = 0; count < 1_000; count++) {
    const connection = new MemoryDuplex();
    connections.push(connection);
    faulty.listener.connect(connection);
    connection.send([count & 255]);
  }
  while (faulty.server.stats().active < 1_000) await settled();
  await settled();
  assertEquals(clock.timers, 1);
  await clock.advance(50);
  for (const [index, { received }] of connections.entries()) {
    assertEquals(received, [index & 255]);
  }
  for (const connection of connections) connection.end();
  await clock.advance(50);
  assertEquals([faulty.closed.length, clock.timers], [1_000, 0]);
});

Deno.test("close ends a connection in good order, and is told", async () => {
  using clock = new FakeClock();
  for (const more of [{}, { delay: 10 }]) {
    await using faulty = new Faulty({ close: 3, ...more });
    const connection = await faulty.connect();
    connection.send([1, 2, 3, 4]);
    await clock.advance(10);
    assertEquals(
      [connection.received, connection.endSent, connection.closed],
      [[1, 2, 3], true, 0],
    );
    connection.send([5]);
    await settled();
    assertEquals(connection.unread, 0);
    connection.end();
    await clock.advance(10);
    const [closed] = faulty.closed;
    assertEquals(
      [closed?.reason, closed?.fault, closed?.bytes],
      ["fault", "close", 3],
    );
    assertEquals([connection.closed, faulty.errors, clock.timers], [1, [], 0]);
    assertEquals(faulty.server.stats().failed, 0);
  }
});

Deno.test("reset is told, and is no failure", async () => {
  class Resettable extends MemoryDuplex {
    resets = 0;
    reset(): void {
      this.resets++;
      this.fail(new Error("Closed here"));
    }
  }
  await using faulty = new Faulty({ reset: 2, close: 5 });
  const connection = new Resettable();
  faulty.listener.connect(connection);
  connection.send([1, 2, 3]);
  await settled();
  const [closed] = faulty.closed;
  assertEquals(
    [closed?.reason, closed?.fault, closed?.bytes],
    ["fault", "reset", 2],
  );
  assertEquals([connection.resets, connection.closed], [1, 0]);
  assertEquals([faulty.errors, faulty.server.stats().failed], [[], 0]);
});

Deno.test("Faults work together, in the order that is documented", async () => {
  using clock = new FakeClock();
  await using faulty = new Faulty({
    delay: 10,
    stall: 100,
    after: 4,
    rate: 100,
    slice: 3,
    close: 8,
  });
  const connection = await faulty.connect();
  connection.send([1, 2, 3, 4, 5, 6, 7, 8, 9]);
  /** When so many bytes had been received. */
  const times: number[] = [];
  while (clock.now < 300) {
    await clock.advance(1);
    while (times.length < connection.received.length) times.push(clock.now);
  }
  const [first, , third, fourth = NaN, fifth] = times;
  // The delay, then two bytes in 20 ms, and after four bytes the stall.
  assertEquals([first, third, fourth, fifth], [10, 20, 20, 120]);
  assertEquals(connection.received, [1, 2, 3, 4, 5, 6, 7, 8]);
  assertEquals(connection.endSent, true);
  connection.end();
  await clock.advance(10);
  assertEquals(faulty.closed[0]?.fault, "close");
});

Deno.test("A delayed client that sends is not idle", async () => {
  using clock = new FakeClock();
  await using faulty = new Faulty({ delay: 1_000 }, { idleTimeout: 100 });
  const connection = await faulty.connect();
  for (let count = 0; count < 15; count++) {
    connection.send([count]);
    await clock.advance(70);
  }
  assertEquals([connection.received.length, faulty.closed], [1, []]);
  await clock.advance(150);
  assertEquals(faulty.closed[0]?.reason ?? "open", "open");
  connection.end();
});

Deno.test("A shutdown ends faulty connections as it does clean ones", async () => {
  using clock = new FakeClock();
  const all: StreamFaults[] = [
    { delay: 1_000 },
    { rate: 1 },
    { stall: 60_000 },
    { mute: true },
    { slice: 1 },
    { corrupt: 50 },
  ];
  for (const faults of all) {
    await using faulty = new Faulty(faults);
    const connection = await faulty.connect();
    connection.send([1, 2, 3, 4]);
    await settled();
    const done = faulty.server.shutdown({ grace: 10 });
    await clock.advance(10);
    assertEquals(connection.endSent, true, JSON.stringify(faults));
    const before = connection.received.length;
    connection.send([5]);
    await settled();
    connection.end();
    await clock.advance(1_000);
    await done;
    const [closed] = faulty.closed;
    assertEquals(
      [closed?.reason, closed?.bytes, connection.received.length],
      ["shutdown", before, before],
      JSON.stringify(faults),
    );
    assertEquals([faulty.errors, clock.timers], [[], 0]);
  }
});

Deno.test("A deaf connection can be shut down", async () => {
  using clock = new FakeClock();
  await using faulty = new Faulty({ deaf: true });
  const connection = await faulty.connect();
  connection.send([1]);
  faulty.server.shutdown({ grace: 10 });
  await clock.advance(2_010);
  assertEquals([connection.unread, faulty.closed[0]?.reason], [1, "shutdown"]);
});

Deno.test("A connection that cannot be reset is closed, and that is an error", async () => {
  const listener = new MemoryListener();
  const faulty = faultyListener(listener, { reset: 1 });
  const connection = listener.connect();
  await assertRejects(() => faulty.accept(), TypeError, "no reset()");
  assertEquals(connection.closed, 1);
  assertThrows(() => faultyConnection(connection, { reset: 1 }), TypeError);
});

Deno.test("faultyListener() refuses what it cannot do, and passes on the rest", async () => {
  const listener: Listener = {
    addr: { transport: "udp", hostname: "::1", port: 1 },
    datagrams: { echoed: 0, dropped: 0, bytes: 0 },
    accept: (): Promise<Connection | null> => Promise.resolve(null),
    close() {},
  };
  assertThrows(
    () => faultyListener(listener, { mute: true }),
    TypeError,
    "UDP",
  );
  assertThrows(
    () => faultyListener(new MemoryListener(), { rate: 0 }),
    RangeError,
    "rate",
  );
  const calls: unknown[] = [];
  const inner = Object.assign(new MemoryListener(), {
    ref: () => calls.push("ref"),
    unref: () => calls.push("unref"),
  });
  const faulty = faultyListener(inner, { mute: true });
  assertEquals(faulty.addr, inner.addr);
  assertEquals(faulty.reload, undefined);
  faulty.unref?.();
  faulty.ref?.();
  assertEquals(calls, ["unref", "ref"]);
  const accepting = faulty.accept();
  faulty.close();
  assertEquals([await accepting, inner.closed], [null, 1]);

  const plain = new MemoryListener();
  const pem = { cert: "cert", key: "key" };
  const reload = (given: unknown) => void calls.push(given);
  const reloading = faultyListener(Object.assign(plain, { reload }), {
    mute: true,
  });
  reloading.reload?.(pem);
  // It has neither of these.
  reloading.unref?.();
  reloading.ref?.();
  assertEquals(calls.slice(2), [pem]);
});

/** What is echoed of so many bytes, in which pieces, and how it ends. */
async function echoFaulty(faults: StreamFaults, count: number) {
  const inner = Object.assign(new MemoryDuplex(), {
    reset: () => inner.fail(new Error("Reset here")),
  });
  const pieces: number[] = [];
  inner.send(new Uint8Array(count));
  inner.end();
  const connection = faultyConnection(inner, faults);
  const ended = echo(connection, (count) => count > 0 && pieces.push(count));
  const ending = await ended.catch((error) => error);
  return { received: inner.received, pieces, ending };
}

Deno.test("Of reset and close the earlier one counts", async () => {
  const cases: [StreamFaults, "reset" | "close", number][] = [
    [{ reset: 5, close: 9 }, "reset", 5],
    [{ reset: 9, close: 5 }, "close", 5],
    [{ reset: 5, close: 5 }, "reset", 5],
    [{ close: 0, deaf: true }, "close", 0],
    [{ close: 1, slice: 1 }, "close", 1],
  ];
  for (const [faults, fault, count] of cases) {
    const { received, ending } = await echoFaulty(faults, 20);
    assert(ending instanceof InjectedFault);
    assertEquals([ending.fault, received.length], [fault, count]);
  }
});

Deno.test("stall stalls at once, unless after is given", async () => {
  for (const after of [undefined, 2]) {
    using clock = new FakeClock();
    const inner = new MemoryDuplex();
    inner.send([1, 2, 3]);
    inner.end();
    const done = echo(faultyConnection(inner, { stall: 50, after }));
    await clock.advance(49);
    assertEquals(inner.received.length, after ?? 0);
    await clock.advance(1);
    await done;
    assertEquals(inner.received, [1, 2, 3]);
  }
});

Deno.test("slice is one size or two, and corrupt alters what is echoed", async () => {
  const sliced = await echoFaulty({ slice: 3 }, 10);
  assertEquals(sliced.pieces, [3, 3, 3, 1]);
  const { pieces } = await echoFaulty({ slice: [2, 4], seed: 1 }, 50);
  const sizes = new Set(pieces.slice(0, -1));
  assertEquals([...sizes].sort(), [2, 3, 4]);
  const { received } = await echoFaulty({ corrupt: 100 }, 10);
  assertEquals(received.filter((byte) => byte !== 0).length, 1);
});

Deno.test("Without a share all connections are affected, without a seed at random", async () => {
  assertEquals(await affected({ mute: true }, 500), "x".repeat(500));
  const half = { mute: true, share: 50 };
  assert(await affected(half, 100) !== await affected(half, 100));
});

Deno.test("A connection without a fault, or one that is refused, stays as it is", () => {
  const connection = new MemoryDuplex();
  assertEquals(faultyConnection(connection, { deaf: false }), connection);
  const refused = Object.assign(new MemoryDuplex(), {
    refused: { reason: "proxy", error: "not a balancer" } as const,
  });
  assertEquals(faultyConnection(refused, { deaf: true }), refused);
});

Deno.test("A faulty connection can do what the one under it can", () => {
  const plain = new MemoryConnection();
  const via = { transport: "tcp", hostname: "192.0.2.9", port: 1 } as const;
  let resets = 0;
  const able = Object.assign(new MemoryDuplex(), {
    via,
    reset: () => void resets++,
  });
  const abilities = [plain, able].map((inner) => {
    const { via, closeWrite, reset } = faultyConnection(inner, { delay: 1 });
    reset?.();
    return [via, typeof closeWrite, typeof reset];
  });
  assertEquals(abilities, [
    [undefined, "undefined", "undefined"],
    [via, "function", "function"],
  ]);
  assertEquals(resets, 1);
});

Deno.test("reset() of a faulty connection ends what is held back", async () => {
  using clock = new FakeClock();
  const inner = Object.assign(new MemoryDuplex(), { reset: () => {} });
  const connection = faultyConnection(inner, { delay: 1_000 });
  inner.send([1]);
  const done = echo(connection);
  await settled();
  connection.reset?.();
  await assertRejects(() => done, Error, "Connection closed");
  assertEquals([inner.received, clock.timers], [[], 0]);
  inner.end();
  await settled();
});

Deno.test("close() of a faulty listener settles as that of the listener does", async () => {
  const { promise, reject } = Promise.withResolvers<void>();
  const inner = Object.assign(new MemoryListener(), { close: () => promise });
  const outcomes: unknown[] = [];
  const closing = Promise.resolve(faultyListener(inner, { mute: true }).close())
    .then(() => outcomes.push("closed"), (error) => outcomes.push(error));
  await settled();
  assertEquals(outcomes, []);
  const error = new Error("Cannot close");
  reject(error);
  await closing;
  assertEquals(outcomes, [error]);
});
