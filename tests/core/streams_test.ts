import { echo, fromStreams, memoryListener, serve } from "../../src/lib.ts";
import type { ClosedConnection, StreamPair } from "../../src/lib.ts";
import {
  assertEquals,
  assertRejects,
  assertThrows,
} from "../helpers/assert.ts";
import { pattern } from "../helpers/client.ts";
import { settled } from "../helpers/fake_clock.ts";
import { systemError } from "../helpers/memory.ts";

/** Both ends of a connection over two streams. */
function open() {
  const up = new TransformStream<Uint8Array, Uint8Array>();
  const down = new TransformStream<Uint8Array, Uint8Array>();
  return {
    connection: fromStreams({
      readable: up.readable,
      writable: down.writable,
    }),
    writer: up.writable.getWriter(),
    reader: down.readable.getReader(),
  };
}

/** All that a stream gives. */
async function collect({ readable }: StreamPair): Promise<number[]> {
  const bytes: number[] = [];
  for await (const chunk of readable) bytes.push(...chunk);
  return bytes;
}

Deno.test("read() gives a large chunk in pieces, skips empty ones, then null", async () => {
  const { connection, writer } = open();
  const writing = [
    writer.write(pattern(5)),
    writer.write(new Uint8Array()),
    writer.write(pattern(1, 5)),
    writer.close(),
  ];
  const read: number[] = [];
  const sizes: number[] = [];
  const p = new Uint8Array(2);
  for (let count; (count = await connection.read(p)) !== null;) {
    read.push(...p.subarray(0, count));
    sizes.push(count);
  }
  await Promise.all(writing);
  assertEquals(read, [...pattern(6)]);
  assertEquals(sizes, [2, 2, 1, 1]);
  assertEquals(await connection.read(p), null);
});

Deno.test("write() copies what it is given, and waits for the peer", async () => {
  const { connection, reader } = open();
  const buffer = pattern(3);
  let done = false;
  const first = connection.write(buffer).then((count) => {
    done = true;
    return count;
  });
  buffer.fill(0);
  for (let turn = 0; turn < 20; turn++) await Promise.resolve();
  assertEquals(done, false);
  assertEquals((await reader.read()).value, pattern(3));
  assertEquals(await first, 3);
});

for (const way of ["pipe", "pump"] as const) {
  Deno.test(`echo() over streams is exact and counts every byte (${way})`, async () => {
    const { connection, writer, reader } = open();
    let counted = 0;
    const { remoteAddr } = connection;
    const echoed = echo(
      way === "pipe" ? connection : {
        remoteAddr,
        read: (p) => connection.read(p),
        write: (p) => connection.write(p),
        close: () => connection.close(),
      },
      (count) => counted += count,
    );
    const sending = (async () => {
      for (let sent = 0; sent < 100_000;) {
        const size = Math.min(1 + sent % 7_919, 100_000 - sent);
        await writer.write(pattern(size, sent));
        sent += size;
      }
      await writer.close();
    })();
    echoed.then(() => connection.close());
    let at = 0;
    for (let chunk; (chunk = (await reader.read()).value);) {
      assertEquals(chunk, pattern(chunk.length, at));
      at += chunk.length;
    }
    await Promise.all([sending, echoed]);
    assertEquals([at, counted], [100_000, 100_000]);
  });
}

Deno.test("echo() over streams tells what comes in, and waits for the peer to take it", async () => {
  const taken = Promise.withResolvers<void>();
  let pulled = 0;
  const connection = fromStreams({
    readable: new ReadableStream({
      pull(controller) {
        pulled++;
        controller.enqueue(pattern(3));
        if (pulled === 100) controller.close();
      },
    }, { highWaterMark: 0 }),
    writable: new WritableStream({ write: () => taken.promise }),
  });
  const counts: number[] = [];
  const echoed = echo(connection, (count) => counts.push(count));
  await settled();
  assertEquals([counts, pulled], [[0], 1]);
  taken.resolve();
  await echoed;
  assertEquals([counts.length, counts[1], pulled], [200, 3, 100]);
});

Deno.test("echo() over streams goes on after what has been read, and repeats nothing", async () => {
  const { connection, writer, reader } = open();
  const writing = writer.write(pattern(5));
  assertEquals(await connection.read(new Uint8Array(2)), 2);
  const echoed = echo(connection);
  assertEquals((await reader.read()).value, pattern(3, 2));
  await Promise.all([writing, writer.close(), echoed]);
  connection.close();
  assertEquals((await reader.read()).done, true);
});

Deno.test("close() cancels what the peer sends", async () => {
  const { connection, writer } = open();
  connection.close();
  await assertRejects(() => writer.closed, Error, "Connection closed");
});

Deno.test("close() rejects a pending read and ends the peer", async () => {
  const { connection, reader } = open();
  const read = connection.read(new Uint8Array(1));
  connection.close();
  connection.close();
  await assertRejects(() => read, Error, "Connection closed");
  await assertRejects(
    () => connection.read(new Uint8Array(1)),
    Error,
    "Connection closed",
  );
  assertEquals((await reader.read()).done, true);
});

Deno.test("close() rejects a pending write, and aborts what is under way", async () => {
  const { connection, reader } = open();
  const write = connection.write(pattern(1));
  connection.close();
  await assertRejects(() => write, Error, "Connection closed");
  await assertRejects(() => reader.read(), Error, "Connection closed");
});

Deno.test("close() rejects also when a stream never settles anything", async () => {
  const never = new Promise<void>(() => {});
  const connection = fromStreams({
    readable: new ReadableStream({ pull: () => never, cancel: () => never }),
    writable: new WritableStream({ write: () => never, abort: () => never }),
  });
  const pending = [
    connection.read(new Uint8Array(1)),
    connection.write(pattern(1)),
  ];
  // Until both streams have begun what they never end.
  await settled();
  connection.close();
  for (const one of pending) {
    await assertRejects(() => one, Error, "Connection closed");
  }
});

Deno.test("a stream's error is the connection's", async () => {
  const { connection, writer, reader } = open();
  const read = connection.read(new Uint8Array(1));
  const write = connection.write(pattern(1));
  await writer.abort(systemError("ECONNRESET"));
  await reader.cancel(systemError("EPIPE"));
  await assertRejects(() => read, Error, "ECONNRESET");
  await assertRejects(() => write, Error, "EPIPE");
  connection.close();
});

Deno.test("a stream of something else than bytes is an error", async () => {
  const readable = new ReadableStream<Uint8Array>({
    start(controller) {
      // As a stream of text would, in JavaScript.
      Reflect.apply(controller.enqueue, controller, ["text"]);
    },
  });
  const connection = fromStreams({ readable, writable: new WritableStream() });
  await assertRejects(
    () => connection.read(new Uint8Array(9)),
    TypeError,
    "must be one of bytes",
  );
  connection.close();
});

Deno.test("fromStreams() refuses a locked stream", () => {
  const { readable, writable } = new TransformStream<Uint8Array, Uint8Array>();
  writable.getWriter();
  assertThrows(
    () => fromStreams({ readable, writable }),
    TypeError,
    "writable must be a stream",
  );
  assertEquals(readable.locked, false);
});

Deno.test("a memory listener is served as any other", async () => {
  const closed: ClosedConnection[] = [];
  const listener = memoryListener();
  await using server = serve(listener, {
    maxConnections: 2,
    onClose: (connection) => closed.push(connection),
  });
  const remoteAddr = {
    transport: "tcp",
    hostname: "192.0.2.1",
    port: 7,
  } as const;
  await Promise.all(Array.from({ length: 10 }, async (_, i) => {
    const client = listener.connect(remoteAddr);
    const writer = client.writable.getWriter();
    const sending = (async () => {
      // One buffer for all, as over a network.
      const buffer = new Uint8Array(100);
      for (let round = 0; round < 5; round++) {
        await writer.write(buffer.fill(round));
      }
      await writer.close();
    })();
    const bytes = await collect(client);
    await sending;
    const expected = [0, 1, 2, 3, 4].flatMap((n) => Array(100).fill(n));
    assertEquals(bytes, expected, `client ${i}`);
  }));
  assertEquals(server.stats().peak, 2);
  assertEquals(server.stats().bytes, 5_000);
  assertEquals(closed.map(({ reason }) => reason), Array(10).fill("eof"));
  assertEquals(closed[0]?.remoteAddr, remoteAddr);
});

Deno.test("a client of a memory listener that breaks off is a reset", async () => {
  const closed = Promise.withResolvers<ClosedConnection>();
  const listener = memoryListener();
  await using _server = serve(listener, { onClose: closed.resolve });
  const client = listener.connect();
  await client.writable.abort(systemError("ECONNRESET"));
  assertEquals((await closed.promise).reason, "reset");
  assertEquals(await collect(client), []);
});

Deno.test("a memory listener that is closed lets nobody in", async () => {
  const listener = memoryListener();
  const waiting = listener.connect();
  const accepted = listener.accept();
  await accepted;
  const left = listener.connect();
  const pending = memoryListener();
  const none = pending.accept();
  pending.close();
  listener.close();
  listener.close();
  assertEquals(await none, null);
  assertEquals(await listener.accept(), null);
  assertEquals(await collect(left), []);
  assertThrows(() => listener.connect(), Error, "the listener is closed");
  (await accepted)?.close();
  assertEquals(await collect(waiting), []);
});

Deno.test("a memory listener closes where its block ends", async () => {
  let accepted;
  {
    using listener = memoryListener();
    accepted = listener.accept();
  }
  assertEquals(await accepted, null);
});
