import type {
  ClosedConnection,
  OpenConnection,
  ServeOptions,
} from "../../src/core/serve_options.ts";
import { serve } from "../../src/core/server.ts";
import type { Connection, Listener } from "../../src/core/transport.ts";
import { assert, assertEquals, assertThrows } from "../helpers/assert.ts";
import { FakeClock, settled } from "../helpers/fake_clock.ts";
import { MemoryConnection, MemoryListener } from "../helpers/memory.ts";

/** As long as a closed listener or connection may take to settle, in milliseconds. */
const PATIENCE = 1_000;
const ADDR = { transport: "tcp", hostname: "192.0.2.1", port: 7 } as const;
const never = () => new Promise<never>(() => {});
const boom = (): never => {
  throw new Error("boom");
};

/** Values that no `read` or `write` may resolve with. */
const WRONG_COUNTS: readonly unknown[] = [undefined, NaN, 0, -1, 1e9, "1", {}];

/** A function that a caller in JavaScript could hand over in place of another. */
function untyped<F>(answer: (...args: unknown[]) => unknown): F {
  return Object.assign(answer) as unknown as F;
}

/** Serves one connection after another, and tells all that is reported. */
async function serveAll(
  connections: readonly Connection[],
  listener: Partial<Listener> = {},
  options: ServeOptions = {},
) {
  const waiting = [...connections];
  const opened: OpenConnection[] = [];
  const closed: ClosedConnection[] = [];
  const errors: unknown[] = [];
  const server = serve({
    addr: ADDR,
    accept: () => {
      const next = waiting.shift();
      return next ? Promise.resolve(next) : never();
    },
    close() {},
    ...listener,
  }, {
    onOpen: (connection) => opened.push(connection),
    onClose: (connection) => closed.push(connection),
    onError: (error) => errors.push(error),
    ...options,
  });
  await settled();
  return { server, opened, closed, errors };
}

/** Shuts a server down, and asserts that this takes no longer than it may. */
async function assertEnds(
  clock: FakeClock,
  { server, opened, closed }: Awaited<ReturnType<typeof serveAll>>,
): Promise<void> {
  let ended = false;
  server.shutdown({ grace: 0 }).then(() => ended = true);
  await clock.advance(PATIENCE);
  await settled();
  assert(ended, "the server has not ended");
  const ids = (all: readonly { readonly id: number }[]) =>
    all.map(({ id }) => id).sort();
  assertEquals(ids(closed), ids(opened));
  const { active, accepted } = server.stats();
  assertEquals([active, accepted], [0, opened.length]);
  assertEquals(clock.timers, 0);
}

function connectionWith(wrong: Partial<Connection>): Connection {
  return {
    remoteAddr: ADDR,
    read: never,
    write: (p) => Promise.resolve(p.length),
    close() {},
    ...wrong,
  };
}

const oneByte = () => {
  let left = 1;
  return () => left-- > 0 ? Promise.resolve(1) : never();
};

const CONNECTIONS: Readonly<Record<string, () => Partial<Connection>>> = {
  "read() that throws": () => ({ read: boom }),
  "read() that rejects with nothing": () => ({ read: () => Promise.reject() }),
  "write() that throws": () => ({ read: oneByte(), write: boom }),
  "write() that never settles": () => ({ read: oneByte(), write: never }),
  "close() that throws": () => ({ close: boom }),
  "close() that rejects": () => ({
    close: untyped(() => Promise.reject(new Error("boom"))),
  }),
  "close() that leaves the read pending": () => ({}),
  "close() that throws, after an end": () => ({
    read: () => Promise.resolve(null),
    close: boom,
  }),
  "pipe() that throws": () => ({ pipe: boom }),
  "pipe() that never settles": () => ({ pipe: never }),
  "closeWrite() that throws": () => ({ closeWrite: boom }),
  "closeWrite() that never settles": () => ({ closeWrite: never }),
  ...Object.fromEntries(WRONG_COUNTS.flatMap((count) => [
    [`read() that gives ${String(count)}`, () => ({
      read: untyped<Connection["read"]>(() => Promise.resolve(count)),
    })],
    [`write() that gives ${String(count)}`, () => ({
      read: oneByte(),
      write: untyped<Connection["write"]>(() => Promise.resolve(count)),
    })],
  ])),
};

for (const [what, wrong] of Object.entries(CONNECTIONS)) {
  Deno.test(`A connection with a ${what} harms no other, and the server ends`, async () => {
    using clock = new FakeClock();
    const healthy = new MemoryConnection();
    const served = await serveAll([connectionWith(wrong()), healthy]);
    healthy.send([1, 2, 3]);
    await settled();
    assertEquals(healthy.take(), [1, 2, 3]);
    await assertEnds(clock, served);
    assertEquals(served.opened.length, 2);
  });

  Deno.test(`A connection with a ${what} is idle in the end`, async () => {
    using clock = new FakeClock();
    const served = await serveAll([connectionWith(wrong())], {}, {
      idleTimeout: 1_000,
    });
    await clock.advance(1_250 + 2_000 + PATIENCE);
    assertEquals(served.server.stats().active, 0);
    await assertEnds(clock, served);
  });
}

for (const count of WRONG_COUNTS) {
  Deno.test(`A wrong count, ${String(count)}, is an error that names the method`, async () => {
    using clock = new FakeClock();
    const served = await serveAll([
      connectionWith({ read: untyped(() => Promise.resolve(count)) }),
    ]);
    assertEquals(served.closed.map(({ reason }) => reason), ["error"]);
    assert(String(served.errors[0]).includes("read() of the connection"));
    await assertEnds(clock, served);
  });
}

Deno.test("A second write() that takes more than is left is an error", async () => {
  using clock = new FakeClock();
  const taken = [2, 2];
  const served = await serveAll([
    connectionWith({
      read: () => Promise.resolve(3),
      write: () => Promise.resolve(taken.shift() ?? 1),
    }),
  ]);
  assertEquals(served.closed.map(({ bytes }) => bytes), [2]);
  assert(String(served.errors[0]).includes("write() of the connection"));
  await assertEnds(clock, served);
});

Deno.test("An error of close() reaches onError", async () => {
  using clock = new FakeClock();
  const served = await serveAll([
    connectionWith({ read: () => Promise.resolve(null), close: boom }),
  ]);
  assertEquals(served.errors.map(String), ["Error: boom"]);
  assertEquals(served.closed.map(({ reason }) => reason), ["eof"]);
  await assertEnds(clock, served);
});

const LISTENERS: Readonly<Record<string, Partial<Listener>>> = {
  "accept() that throws": { accept: boom },
  "accept() that rejects with nothing": { accept: () => Promise.reject() },
  "accept() that never settles": { accept: never },
  "accept() that gives undefined": {
    accept: untyped(() => Promise.resolve(undefined)),
  },
  "accept() that gives a number": {
    accept: untyped(() => Promise.resolve(1)),
  },
  "accept() that gives no connection": {
    accept: untyped(() => Promise.resolve({})),
  },
  "close() that throws": { close: boom },
  "close() that rejects": {
    close: untyped(() => Promise.reject(new Error("boom"))),
  },
};

for (const [what, listener] of Object.entries(LISTENERS)) {
  for (const several of [false, true]) {
    const who = several ? "One of two listeners" : "A listener";
    Deno.test(`${who} with an ${what} does not keep the server from ending`, async () => {
      using clock = new FakeClock();
      const wrong = { addr: ADDR, accept: never, close() {}, ...listener };
      const errors: unknown[] = [];
      const other = new MemoryListener();
      const server = serve(several ? [wrong, other] : wrong, {
        onError: (error) => errors.push(error),
      });
      await clock.advance(100);
      let ended = false;
      server.shutdown({ grace: 0 }).then(() => ended = true);
      await clock.advance(PATIENCE);
      await settled();
      assert(ended, "the server has not ended");
      assertEquals(clock.timers, 0);
      assertEquals(other.closed, several ? 1 : 0);
      assertEquals(errors.length > 0, what !== "accept() that never settles");
      if (what.includes("gives")) {
        assert(String(errors[0]).includes("which is no connection"));
      }
    });
  }
}

Deno.test("A connection that a listener hands over too late is closed", async () => {
  using clock = new FakeClock();
  const handOver = Promise.withResolvers<Connection>();
  const served = await serveAll([], { accept: () => handOver.promise });
  await assertEnds(clock, served);
  const late = new MemoryConnection();
  handOver.resolve(late);
  await settled();
  assertEquals(late.closed, 1);
});

Deno.test("A listener that ends too late is no error", async () => {
  using clock = new FakeClock();
  const end = Promise.withResolvers<null>();
  const served = await serveAll([], { accept: () => end.promise });
  await assertEnds(clock, served);
  end.resolve(null);
  await settled();
  assertEquals(served.errors, []);
});

Deno.test("A connection that ends long after it was closed has ended once", async () => {
  using clock = new FakeClock();
  const reading = Promise.withResolvers<null>();
  const served = await serveAll([
    connectionWith({ read: () => reading.promise }),
  ]);
  await assertEnds(clock, served);
  reading.resolve(null);
  await settled();
  const { active, closedBy } = served.server.stats();
  assertEquals([served.closed.length, active, closedBy.shutdown], [1, 0, 1]);
  assertEquals(clock.timers, 0);
});

Deno.test("admit admits nobody with anything but true, and says so", async () => {
  const answers = [
    () => Promise.resolve(true),
    () => Promise.reject(new Error("boom")),
    () => 1,
    () => "yes",
  ];
  for (const answer of answers) {
    using clock = new FakeClock();
    const refused: string[] = [];
    const served = await serveAll([new MemoryConnection()], {}, {
      admit: untyped(answer),
      onRefuse: (_addr, reason) => refused.push(reason),
    });
    assertEquals(refused, ["denied"]);
    assert(served.errors[0] instanceof TypeError);
    assert(
      served.errors[0].message.includes("admit must return true or false"),
    );
    await assertEnds(clock, served);
  }
});

Deno.test("serve() says at once what is wrong with a listener", () => {
  const wrong: [unknown, string][] = [
    [Promise.resolve(new MemoryListener()), "write serve(await listen(…))"],
    [null, "the listener must be an object, but is null"],
    [7, "the listener must be an object, but is 7"],
    [{ accept: never }, "the listener has no addr and no close"],
    [{ addr: ADDR, close() {} }, "the listener has no accept"],
    [{}, "the listener has no addr and no accept and no close"],
    [{ addr: {}, accept: never, close() {} }, "addr of the listener is an"],
    [[], "there must be a listener"],
  ];
  for (const [listener, message] of wrong) {
    const call = untyped<() => void>(() =>
      Reflect.apply(serve, undefined, [listener])
    );
    assertThrows(call, TypeError, message);
  }
});

Deno.test("serve() closes the listener when an option is wrong", () => {
  const listeners = [new MemoryListener(), new MemoryListener()];
  assertThrows(() => serve(listeners, { maxConnections: 0 }), RangeError);
  assertEquals(listeners.map(({ closed }) => closed), [1, 1]);
});

Deno.test("serve() refuses an option that there is not, and names those there are", () => {
  const options = Object.assign<ServeOptions, object>({}, {
    maxConnection: 1,
  });
  const { message } = assertThrows(
    () => serve(new MemoryListener(), options),
    TypeError,
    "there is no option maxConnection,",
  );
  assert(message.includes("maxConnections"));
});

Deno.test("idleTimeout and maxLifetime may be Infinity: off", async () => {
  using clock = new FakeClock();
  const off = { idleTimeout: Infinity, maxLifetime: Infinity };
  const served = await serveAll([new MemoryConnection()], {}, off);
  assertEquals(clock.timers, 0);
  await assertEnds(clock, served);
});

Deno.test("A connection whose remoteAddr throws or is none is closed, and harms no other", async () => {
  const wrong = [undefined, null, "192.0.2.1", {}, { path: 7 }, {
    hostname: "192.0.2.1",
  }, Object.create(null)];
  for (const addr of [boom, ...wrong.map((value: unknown) => () => value)]) {
    using clock = new FakeClock();
    const bad = new MemoryConnection();
    Object.defineProperty(bad, "remoteAddr", { get: addr });
    const healthy = new MemoryConnection();
    const served = await serveAll([bad, healthy]);
    assertEquals([bad.closed, served.opened.length], [1, 1]);
    const expected = addr === boom ? "boom" : "which is no address";
    assertEquals(served.errors.length, 1);
    assert(String(served.errors[0]).includes(expected));
    await assertEnds(clock, served);
  }
});

Deno.test("An error that cannot be looked at is an error as any other", async () => {
  using clock = new FakeClock();
  const error = Object.defineProperty({}, "code", { get: boom });
  const read = () => Promise.reject(error);
  const served = await serveAll([connectionWith({ read })]);
  assertEquals(served.closed.map(({ reason }) => reason), ["error"]);
  assertEquals(served.errors.length, 1);
  await assertEnds(clock, served);
});

Deno.test("The path of an unnamed peer is empty, where that of Deno is null", async () => {
  using clock = new FakeClock();
  const connection = new MemoryConnection();
  const remoteAddr = { transport: "unix", path: null };
  Object.defineProperty(connection, "remoteAddr", { value: remoteAddr });
  const served = await serveAll([connection]);
  assertEquals(served.opened.map(({ remoteAddr }) => remoteAddr), [
    { transport: "unix", path: "" },
  ]);
  await assertEnds(clock, served);
});

Deno.test("remoteAddr is read once", async () => {
  using clock = new FakeClock();
  const connection = new MemoryConnection();
  let reads = 0;
  Object.defineProperty(connection, "remoteAddr", {
    get: () => reads++ === 0 ? ADDR : boom(),
  });
  const served = await serveAll([connection], {}, { maxConnectionsPerHost: 1 });
  await assertEnds(clock, served);
  assertEquals([reads, served.errors], [1, []]);
});

Deno.test("A connection whose closeWrite cannot be had is closed at once", async () => {
  using clock = new FakeClock();
  const connection = new MemoryConnection();
  Object.defineProperty(connection, "closeWrite", { get: boom });
  const served = await serveAll([connection], {}, { idleTimeout: 1_000 });
  await clock.advance(1_250);
  await settled();
  assertEquals(served.closed.map(({ reason }) => reason), ["idle"]);
  assertEquals(served.errors.map(String), ["Error: boom"]);
  await assertEnds(clock, served);
});

Deno.test("A pipe that reports no number of bytes is an error", async () => {
  for (const count of [NaN, -1, undefined, "7", 0.5, Infinity]) {
    using clock = new FakeClock();
    const pipe = untyped<NonNullable<Connection["pipe"]>>((onBytes) => {
      if (typeof onBytes === "function") onBytes(count);
      return never();
    });
    const served = await serveAll([connectionWith({ pipe })]);
    assertEquals(served.closed.map(({ reason }) => reason), ["error"]);
    assert(String(served.errors[0]).includes("pipe() of the connection"));
    assertEquals(served.server.stats().bytes, 0);
    await assertEnds(clock, served);
  }
});

Deno.test("serve() closes all listeners when one is none, though a close() fails", async () => {
  for (const close of [boom, untyped<() => void>(() => Promise.reject())]) {
    const sound = new MemoryListener();
    const broken = { addr: ADDR, accept: never, close };
    assertThrows(
      () => serve([broken, sound], { maxConnections: 0 }),
      RangeError,
      "maxConnections",
    );
    assertEquals(sound.closed, 1);
    const call = untyped<() => void>(() =>
      Reflect.apply(serve, undefined, [[sound, undefined]])
    );
    assertThrows(call, TypeError, "must be an object, but is undefined");
    assertEquals(sound.closed, 2);
    await settled();
  }
});
