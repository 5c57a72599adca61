import type {
  ClosedConnection,
  CloseReason,
  ServeOptions,
} from "../../src/core/serve_options.ts";
import { InjectedFault } from "../../src/core/injected_fault.ts";
import type { EchoServer } from "../../src/core/echo_server.ts";
import { serve } from "../../src/core/server.ts";
import { assertEquals } from "../helpers/assert.ts";
import { FakeClock, settled } from "../helpers/fake_clock.ts";
import { MemoryDuplex, MemoryListener } from "../helpers/memory.ts";

/** A server with one client, on a fake clock. */
class Fixture implements AsyncDisposable {
  readonly clock = new FakeClock();
  readonly listener = new MemoryListener();
  readonly closed: ClosedConnection[] = [];
  readonly errors: unknown[] = [];
  readonly client = new MemoryDuplex();
  readonly server: EchoServer;

  constructor(options: ServeOptions = {}) {
    this.server = serve(this.listener, {
      onClose: (connection) => this.closed.push(connection),
      onError: (error) => this.errors.push(error),
      ...options,
    });
    this.listener.connect(this.client);
  }

  async [Symbol.asyncDispose]() {
    await this.server.shutdown({ grace: 0 });
    assertEquals(this.clock.timers, 0);
    this.clock[Symbol.dispose]();
  }
}

/** How the server comes to end a connection, and why that is, when 100 bytes are echoed. */
const WAYS: Partial<
  Record<
    CloseReason,
    { options: ServeOptions; end(fixture: Fixture): Promise<void> }
  >
> = {
  limit: { options: { maxBytes: 100 }, end: () => settled() },
  lifetime: {
    options: { maxLifetime: 1_000 },
    end: ({ clock }) => clock.advance(1_000),
  },
  idle: {
    options: { idleTimeout: 1_000 },
    end: ({ clock }) => clock.advance(1_100),
  },
  shutdown: {
    options: {},
    end: ({ server, clock }) => {
      server.shutdown({ grace: 1_000 });
      return clock.advance(1_000);
    },
  },
};

for (const [reason, { options, end }] of Object.entries(WAYS)) {
  Deno.test(`An end for ${reason} is sent, and what comes in is dropped until the peer's`, async () => {
    await using fixture = new Fixture({ ...options, maxConnections: 1 });
    const { client, closed, clock, listener, server } = fixture;
    const second = listener.connect();
    await settled();
    client.send(new Uint8Array(100));
    await settled();
    await end(fixture);
    assertEquals([client.endSent, client.closed], [true, 0]);
    client.send(new Uint8Array(100_000));
    await clock.advance(500);
    assertEquals([client.unread, client.received.length], [0, 100]);
    // Its place is not free before it is gone.
    assertEquals([server.stats().active, second.closed], [1, 0]);
    client.end();
    await settled();
    assertEquals(client.closed, 1);
    assertEquals(
      closed.map((one) => [one.reason, one.bytes]),
      [[reason, 100]],
    );
    assertEquals([fixture.errors, server.stats().failed], [[], 0]);
  });

  Deno.test(`An end for ${reason} takes 2 s at most`, async () => {
    await using fixture = new Fixture(options);
    const { client, clock } = fixture;
    await settled();
    client.send(new Uint8Array(100));
    await settled();
    await end(fixture);
    await clock.advance(1_800);
    assertEquals(client.closed, 0);
    await clock.advance(200);
    assertEquals(client.closed, 1);
    assertEquals(fixture.closed.map((one) => one.reason), [reason]);
    assertEquals(fixture.errors, []);
  });
}

Deno.test("A connection is closed when its end is sent, and not before", async () => {
  await using fixture = new Fixture({ maxBytes: 100 });
  const { client, closed } = fixture;
  const sending = Promise.withResolvers<void>();
  client.closeWrite = () => sending.promise;
  await settled();
  client.send(new Uint8Array(100));
  client.end();
  await settled();
  assertEquals([client.closed, closed], [0, []]);
  sending.resolve();
  await settled();
  assertEquals([client.closed, closed.map(({ reason }) => reason)], [1, [
    "limit",
  ]]);
});

Deno.test("What comes in after an end is dropped, a byte at a time too", async () => {
  await using fixture = new Fixture({ maxBytes: 100 });
  const { client } = fixture;
  await settled();
  client.send(new Uint8Array(100));
  await settled();
  for (let i = 0; i < 3; i++) {
    client.send([i]);
    await settled();
    assertEquals([client.unread, client.closed], [0, 0]);
  }
  client.end();
  await settled();
  assertEquals(client.closed, 1);
});

Deno.test("What has a pipe is not read when it is ended: the pipe drops the rest", async () => {
  await using fixture = new Fixture({ maxBytes: 100 });
  const { client, closed } = fixture;
  const piping = Promise.withResolvers<void>();
  Object.assign(client, {
    pipe(onBytes: (count: number) => void) {
      onBytes(100);
      return piping.promise;
    },
  });
  await settled();
  assertEquals([client.endSent, client.closed], [true, 0]);
  piping.resolve();
  await settled();
  assertEquals([client.bufferSizes, client.closed], [[], 1]);
  assertEquals(closed.map(({ bytes, reason }) => [bytes, reason]), [[
    100,
    "limit",
  ]]);
});

Deno.test("A fault closes in good order, or resets, or comes too late", async () => {
  for (const fault of ["close", "reset"] as const) {
    await using fixture = new Fixture();
    const { client, closed } = fixture;
    await settled();
    client.fail(new InjectedFault(fault));
    await settled();
    assertEquals(client.endSent, fault === "close");
    assertEquals(closed.map(({ reason, fault }) => [reason, fault]), [[
      "fault",
      fault,
    ]]);
  }
  await using fixture = new Fixture({ maxLifetime: 1_000 });
  const { client, clock, closed } = fixture;
  await clock.advance(1_000);
  client.fail(new InjectedFault("reset"));
  await settled();
  assertEquals(closed.map(({ reason, fault }) => [reason, fault]), [[
    "lifetime",
    undefined,
  ]]);
});

Deno.test("An end finishes the write under way, and counts it, and no more", async () => {
  await using fixture = new Fixture({ maxLifetime: 1_000 });
  const { client, clock } = fixture;
  await settled();
  client.room = 0;
  client.largestWrite = 60;
  client.send(new Uint8Array(100));
  await clock.advance(1_000);
  client.room = 1_000;
  client.take();
  await settled();
  client.end();
  await settled();
  assertEquals(client.received.length, 60);
  assertEquals(fixture.closed.map(({ bytes }) => bytes), [60]);
});

Deno.test("A peer that takes nothing is closed after 2 s", async () => {
  await using fixture = new Fixture({ maxLifetime: 1_000 });
  const { client, clock } = fixture;
  await settled();
  client.room = 0;
  client.send(new Uint8Array(100));
  await clock.advance(2_900);
  assertEquals(client.closed, 0);
  await clock.advance(100);
  assertEquals(client.closed, 1);
  assertEquals(fixture.closed.map(({ bytes }) => bytes), [0]);
});

Deno.test("A connection that cannot be ended in good order is closed", async () => {
  await using fixture = new Fixture({ maxBytes: 100 });
  const { client } = fixture;
  client.refusal = new Error("No");
  await settled();
  client.send(new Uint8Array(100));
  await settled();
  assertEquals(client.closed, 1);
  assertEquals(fixture.closed.map(({ reason }) => reason), ["limit"]);
  assertEquals(fixture.errors, []);
});

Deno.test("shutdown({ grace: 0 }) and the signal wait for no good order", async () => {
  const controller = new AbortController();
  const ways: ((server: EchoServer) => unknown)[] = [
    (server) => server.shutdown({ grace: 0 }),
    () => controller.abort(),
  ];
  for (const close of ways) {
    await using fixture = new Fixture({
      maxBytes: 100,
      signal: controller.signal,
    });
    const { client, listener, server } = fixture;
    const other = listener.connect(new MemoryDuplex());
    await settled();
    client.send(new Uint8Array(100));
    await settled();
    assertEquals([client.closed, other.closed], [0, 0]);
    close(server);
    assertEquals([client.closed, other.closed], [1, 1]);
    await server.finished;
    assertEquals(
      fixture.closed.map(({ reason }) => reason).toSorted(),
      ["limit", "shutdown"],
    );
  }
});
