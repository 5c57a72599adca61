import { echo, echoAmong, Shared } from "../../src/core/echo.ts";
import { assertEquals, assertRejects } from "../helpers/assert.ts";
import { FakeClock, settled } from "../helpers/fake_clock.ts";
import { MemoryConnection, systemError } from "../helpers/memory.ts";

function bytes(count: number): number[] {
  return Array.from({ length: count }, (_, index) => index * 31 % 251);
}

/** Echoes `count` bytes and returns the size of the buffer after it. */
async function burst(connection: MemoryConnection, count: number) {
  connection.send(bytes(count));
  while (connection.unread > 0) await settled();
  await settled();
  connection.take();
  return connection.bufferSizes.at(-1);
}

Deno.test("echo() sends everything back in order, however it is cut", async () => {
  for (const largestWrite of [1, 7, 255, Infinity]) {
    const connection = new MemoryConnection();
    connection.largestWrite = largestWrite;
    let echoed = 0;
    const done = echo(connection, (count) => echoed += count);
    const sent: number[] = [];
    for (const size of [1, 255, 256, 257, 1024, 5_000, 70_000, 2]) {
      const part = bytes(size);
      sent.push(...part);
      connection.send(part);
      if (size % 2 === 0) await settled();
    }
    connection.end();
    await done;
    assertEquals(connection.received, sent);
    assertEquals(echoed, sent.length);
    assertEquals(connection.closed, 0);
  }
});

Deno.test("echo() needs no callback", async () => {
  const connection = new MemoryConnection();
  connection.send([1, 2, 3]);
  connection.end();
  await echo(connection);
  assertEquals(connection.received, [1, 2, 3]);
});

Deno.test("echo() sends back the rest after the peer has ended its side", async () => {
  const connection = new MemoryConnection();
  connection.room = 10;
  connection.send(bytes(2_000));
  connection.end();
  const done = echo(connection);
  const received: number[] = [];
  while (received.length < 2_000) {
    await settled();
    received.push(...connection.take());
  }
  await done;
  assertEquals(received, bytes(2_000));
});

Deno.test("echo() stops reading from a peer that takes nothing", async () => {
  const connection = new MemoryConnection();
  connection.room = 1_000;
  connection.send(bytes(1_000_000));
  connection.end();
  const done = echo(connection);
  await settled();
  const read = 1_000_000 - connection.unread;
  assertEquals(read <= 1_000 + 64 * 1024, true, `${read} bytes were read`);
  connection.room = Infinity;
  connection.take();
  await done;
});

Deno.test("echo() rejects with the connection's error", async () => {
  for (const when of ["reading", "writing"]) {
    const connection = new MemoryConnection();
    connection.room = when === "writing" ? 1 : Infinity;
    const done = echo(connection);
    connection.send([1, 2]);
    await settled();
    connection.fail(systemError("ECONNRESET"));
    await assertRejects(() => done, Error, "ECONNRESET");
  }
});

Deno.test("echo() reports bytes that come in, and bytes that go out", async () => {
  const connection = new MemoryConnection();
  connection.largestWrite = 2;
  connection.send([1, 2, 3]);
  connection.end();
  const counts: number[] = [];
  await echo(connection, (count) => counts.push(count));
  assertEquals(counts, [0, 2, 1]);
});

Deno.test("echo() prefers the connection's own pipe", async () => {
  const connection = Object.assign(new MemoryConnection(), {
    pipe(onBytes: (count: number) => void) {
      onBytes(42);
      return Promise.resolve();
    },
  });
  const counts: number[] = [];
  await echo(connection, (count) => counts.push(count));
  assertEquals(counts, [42]);
  assertEquals(connection.bufferSizes, []);
});

Deno.test("The buffer grows fourfold while reads fill it, up to 64 KiB", async () => {
  const connection = new MemoryConnection();
  connection.send(bytes(300_000));
  connection.end();
  await echo(connection);
  assertEquals(connection.bufferSizes.slice(0, 6), [
    256,
    1024,
    4096,
    16384,
    65536,
    65536,
  ]);
});

Deno.test("The buffer is small again after each of the first four bursts", async () => {
  const connection = new MemoryConnection();
  const done = echo(connection);
  for (let count = 0; count < 4; count++) {
    assertEquals(await burst(connection, 2_000), 256);
  }
  assertEquals(await burst(connection, 2_000), 4096);
  connection.end();
  await done;
});

Deno.test("A large buffer shrinks after 16 reads in a row that leave it mostly empty", async () => {
  const connection = new MemoryConnection();
  const done = echo(connection);
  for (let count = 0; count < 4; count++) await burst(connection, 300);
  assertEquals(await burst(connection, 256), 1024);
  for (let count = 0; count < 15; count++) {
    assertEquals(await burst(connection, 10), 1024);
  }
  assertEquals(await burst(connection, 256), 1024);
  for (let count = 0; count < 15; count++) {
    assertEquals(await burst(connection, 10), 1024);
  }
  assertEquals(await burst(connection, 10), 256);
  connection.end();
  await done;
});

Deno.test("A buffer shrinks step by step, after 16 short reads in a row each time", async () => {
  const connection = new MemoryConnection();
  const done = echo(connection);
  for (let count = 0; count < 4; count++) await burst(connection, 300);
  assertEquals(await burst(connection, 256 + 1024 + 1), 4096);
  for (let count = 0; count < 14; count++) {
    assertEquals(await burst(connection, 10), 4096);
  }
  // A read that fills it begins the row again, at the next size.
  assertEquals(await burst(connection, 4096), 16384);
  for (const size of [16384, 4096, 1024]) {
    for (let count = 0; count < 15; count++) {
      assertEquals(await burst(connection, 10), size);
    }
    assertEquals(await burst(connection, 10), size / 4);
  }
  connection.end();
  await done;
});

Deno.test("Short messages before a burst do not make its buffer stay large", async () => {
  const connection = new MemoryConnection();
  const done = echo(connection);
  for (let count = 0; count < 100; count++) await burst(connection, 10);
  assertEquals(await burst(connection, 2_000), 256);
  connection.end();
  await done;
});

Deno.test("Buffers grow only as far as the shared budget, and give it back", async () => {
  const shared = new Shared();
  assertEquals(shared.growth, 64 * 1024 * 1024);
  shared.growth = 768;
  const open = [new MemoryConnection(), new MemoryConnection()] as const;
  const done = open.map((connection) =>
    echoAmong(shared, connection, () => {})
  );
  assertEquals(await burst(open[0], 256), 1024);
  assertEquals(shared.growth, 0);
  assertEquals(await burst(open[1], 256), 256);
  open[0].end();
  await done[0];
  assertEquals(shared.growth, 768);
  assertEquals(await burst(open[1], 256), 1024);
  assertEquals(await burst(open[1], 1), 256);
  assertEquals(shared.growth, 768);
  await burst(open[1], 256);
  open[1].fail(systemError("ECONNRESET"));
  await assertRejects(() => Promise.all(done), Error, "ECONNRESET");
  assertEquals(shared.growth, 768);
});

Deno.test("Buffers that are no longer needed serve the next connection", () => {
  const shared = new Shared();
  const buffers = Array.from({ length: 300 }, () => shared.takeBuffer(1024));
  for (const buffer of buffers) shared.giveBuffer(buffer);
  const again = new Set(buffers.map(() => shared.takeBuffer(1024)));
  assertEquals(buffers.filter((buffer) => again.has(buffer)).length, 256);
  assertEquals(shared.takeBuffer(4096).length, 4096);
});

Deno.test("Of many busy connections, 64 read at a time, each in its turn", async () => {
  using clock = new FakeClock();
  const shared = new Shared();
  const connections = Array.from({ length: 200 }, () => new MemoryConnection());
  const done = connections.map((connection) =>
    echoAmong(shared, connection, () => {})
  );
  const reads = () =>
    connections.map(({ bufferSizes }) => bufferSizes.length).join("");
  assertEquals(reads(), "1".repeat(200), "the first read is free");

  for (const connection of connections) connection.send([1]);
  await settled();
  assertEquals(reads(), "2".repeat(64) + "1".repeat(136));
  for (const connection of connections.slice(0, 10)) connection.send([2]);
  await settled();
  assertEquals(reads(), "2".repeat(74) + "1".repeat(126));
  for (let turn = 0; turn < 240; turn++) {
    clock.turn();
    await settled();
  }
  assertEquals(reads(), "3".repeat(10) + "2".repeat(190), "the quiet give way");

  for (const connection of connections) connection.end();
  await Promise.all(done);
  assertEquals(shared.turnstile.crowded, false);
});

Deno.test("Up to 64 connections read whenever they like", async () => {
  using _clock = new FakeClock();
  const shared = new Shared();
  const connections = Array.from({ length: 64 }, () => new MemoryConnection());
  const done = connections.map((connection) =>
    echoAmong(shared, connection, () => {})
  );
  for (const connection of connections) connection.send([1]);
  await settled();
  for (const connection of connections) {
    assertEquals(connection.bufferSizes.length, 2);
    connection.end();
  }
  await Promise.all(done);
});

Deno.test("A connection that grows or shrinks hands its buffer on", async () => {
  const given: number[] = [];
  const shared = new (class extends Shared {
    override giveBuffer(bytes: Uint8Array<ArrayBuffer>): void {
      given.push(bytes.length);
      super.giveBuffer(bytes);
    }
  })();
  const connection = new MemoryConnection();
  const done = echoAmong(shared, connection, () => {});
  await burst(connection, 256);
  await burst(connection, 1);
  assertEquals(given, [256, 1024]);
  connection.end();
  await done;
});

Deno.test("Up to 64 connections take no places", async () => {
  const shared = new Shared();
  shared.turnstile.enter = () => {
    throw new Error("There is room");
  };
  const connection = new MemoryConnection();
  const done = echoAmong(shared, connection, () => {});
  await burst(connection, 10);
  connection.end();
  await done;
});

Deno.test("The first read of a newcomer lets nobody else read", async () => {
  using _clock = new FakeClock();
  const shared = new Shared();
  const busy = Array.from({ length: 65 }, () => new MemoryConnection());
  const newcomer = new MemoryConnection();
  const done = [...busy, newcomer].map((connection) =>
    echoAmong(shared, connection, () => {})
  );
  for (const connection of busy) connection.send([1]);
  await settled();
  const last = busy[64];
  assertEquals(last?.bufferSizes.length, 1);
  newcomer.send([1]);
  await settled();
  assertEquals(last?.bufferSizes.length, 1);
  for (const connection of [...busy, newcomer]) connection.end();
  await Promise.all(done);
});
