import { echo } from "../../mod.ts";
import type { Connection } from "../../mod.ts";
import { assert, assertEquals, assertRejects } from "../helpers/assert.ts";
import { type Client, pattern } from "../helpers/client.ts";
import { Fixture, Pair } from "../helpers/fixtures.ts";
import type { Transport } from "../helpers/transports.ts";

/** How a runtime's test runner takes a test, and whether it is to ignore it. */
export type Test = (
  name: string,
  run: () => Promise<void>,
  ignore?: boolean,
) => void;

/**
 * States what every runtime's adapter, and the server on it, has to do on every
 * transport that has connections.
 */
export function contract(test: Test, transport: Transport): void {
  test("A closed listener accepts nothing", async () => {
    const listener = await transport.listen();
    const accepted = listener.accept();
    listener.close();
    listener.close();
    assertEquals(await accepted, null);
    assertEquals(await listener.accept(), null);
  });

  test("accept() rejects while another one is pending, which goes on", async () => {
    using listener = await transport.listen();
    for (let round = 0; round < 2; round++) {
      const accepted = listener.accept();
      await assertRejects(
        () => listener.accept(),
        Error,
        "Cannot accept: another accept() is pending",
      );
      await using _client = await transport.connect(listener.addr);
      const connection = await accepted;
      assert(connection);
      connection.close();
    }
  });

  test("A connection names its peer", async () => {
    await using pair = await Pair.open(transport);
    const { remoteAddr } = pair.connection;
    assertEquals(remoteAddr.transport, transport.name);
    if ("path" in remoteAddr) {
      assertEquals(remoteAddr.path, "");
    } else {
      assert(remoteAddr.port > 0);
      assertEquals(remoteAddr.hostname, "127.0.0.1");
    }
  });

  test("read() gives what was sent, then null at the end", async () => {
    await using pair = await Pair.open(transport);
    const { connection, client } = pair;
    await client.send("abc");
    client.end();
    const buffer = new Uint8Array(2);
    const read: number[] = [];
    for (let n; (n = await connection.read(buffer)) !== null;) {
      read.push(...buffer.subarray(0, n));
    }
    assertEquals(read, [97, 98, 99]);
    assertEquals(await connection.read(buffer), null);
  });

  test("write() works after the peer has ended its side", async () => {
    await using pair = await Pair.open(transport);
    const { connection, client } = pair;
    await client.send("a");
    client.end();
    const buffer = new Uint8Array(1);
    assertEquals(await connection.read(buffer), 1);
    assertEquals(await connection.read(buffer), null);
    assertEquals(await connection.write(pattern(3)), 3);
    pair.close();
    assertEquals(await client.receivePattern(), 3);
  });

  test("write() waits for a peer that does not read", async () => {
    await using pair = await Pair.open(transport);
    const written = await pair.fill();
    assert(written > 0);
    let count = 0;
    while (count < written) {
      count += (await pair.client.receive())?.length ?? 0;
    }
    await pair.filling;
  });

  test("close() rejects a pending read and a pending write", async () => {
    await using reading = await Pair.open(transport);
    const read = reading.connection.read(new Uint8Array(1));
    reading.close();
    await assertRejects(() => read, Error);

    await using writing = await Pair.open(transport);
    await writing.fill();
    writing.close();
    await assertRejects(() => writing.filling, Error);
  });

  test("A reset rejects with its POSIX name", async () => {
    await using pair = await Pair.open(transport);
    const { connection, client } = pair;
    // What is left unread makes a reset of an end on a Unix socket too.
    await connection.write(pattern(3));
    const read = connection.read(new Uint8Array(1));
    await client.reset();
    const error = await assertRejects(() => read, Error);
    assert("code" in error);
    assertEquals(error.code, "ECONNRESET");
  });

  for (const way of ["pipe", "pump"] as const) {
    test(`echo() counts every byte (${way})`, async () => {
      await using pair = await Pair.open(transport);
      const { client } = pair;
      const connection = way === "pump"
        ? withoutPipe(pair.connection)
        : pair.connection;
      const counts: number[] = [];
      const echoed = echo(connection, (count) => counts.push(count));
      for (const size of [1, 100_000, 1_000_000]) {
        assertEquals(await client.echo(pattern(size)), pattern(size));
      }
      client.end();
      await echoed;
      pair.close();
      assertEquals(await client.receive(), null);
      assert(counts.includes(0), "nothing came in");
      assertEquals(counts.reduce((sum, count) => sum + count), 1_100_001);
    });
  }

  test("Echoes exactly, whatever the sizes and however it is cut", async () => {
    await using fixture = await Fixture.start(transport);
    const random = seeded(42);
    await Promise.all(Array.from({ length: 20 }, async () => {
      await using client = await fixture.connect();
      const total = random(1_000_000);
      const sending = (async () => {
        for (let sent = 0; sent < total;) {
          const size = 1 + random(random(2) ? 20 : 200_000);
          const piece = pattern(Math.min(size, total - sent), sent);
          await client.send(piece);
          sent += piece.length;
        }
        client.end();
      })();
      assertEquals(await client.receivePattern(), total);
      await sending;
    }));
  });

  test("Echoes 64 MiB to a slow reader that has ended its side", async () => {
    await using fixture = await Fixture.start(transport);
    await using client = await fixture.connect();
    const piece = pattern(251 * 1024);
    const pieces = Math.ceil(64 * 1024 * 1024 / piece.length);
    const sending = (async () => {
      for (let i = 0; i < pieces; i++) await client.send(piece);
      client.end();
    })();
    // Slow: one piece, and then not before the event loop has gone round.
    for (let i = 0; i < pieces; i++) {
      assertEquals(await client.receiveExactly(piece.length), piece);
      await new Promise((resolve) => setTimeout(resolve, 0));
    }
    await sending;
    assertEquals(await client.receive(), null);
    await fixture.closedCount(1);
    assertEquals(fixture.closed[0]?.reason, "eof");
    assertEquals(fixture.stats.bytes, pieces * piece.length);
  });

  test("A silent client and ones that never read delay nobody", async () => {
    await using fixture = await Fixture.start(transport);
    await using _silent = await fixture.connect();
    const deaf = await Promise.all(
      Array.from({ length: 10 }, () => fixture.connect()),
    );
    for (const client of deaf) {
      client.flood();
    }
    for (let i = 0; i < 10; i++) {
      await using client = await fixture.connect();
      assertEquals(await client.echo(pattern(1_000)), pattern(1_000));
    }
    for (const client of deaf) await client[Symbol.asyncDispose]();
  });

  test("Resets at every stage end their own connection only", async () => {
    await using fixture = await Fixture.start(transport);
    const stages: ((client: Client) => Promise<unknown>)[] = [
      async () => {},
      (client) => client.send(pattern(100)),
      (client) => client.echo(pattern(100)),
      // Both directions are full: the server is writing.
      (client) => {
        client.flood();
        return client.receiveExactly(1_000_000);
      },
    ];
    for (const stage of stages) {
      const clients = await Promise.all(
        Array.from({ length: 10 }, () => fixture.connect()),
      );
      await Promise.all(clients.map(stage));
      await Promise.all(clients.map((client) => client.reset()));
    }
    await using client = await fixture.connect();
    assertEquals(await client.echo(pattern(9)), pattern(9));
    await fixture.closedCount(fixture.stats.accepted - 1);
    const reasons = fixture.closed.map(({ reason, error }) => error ?? reason);
    const resets = reasons.filter((reason) =>
      reason === "reset" || reason === "the peer left during the handshake"
    );
    const ends = reasons.filter((reason) => reason === "eof");
    assertEquals(fixture.stats.failed, resets.length);
    assertEquals(resets.length + ends.length, reasons.length);
    assert(!transport.resets || ends.length === 0);
  });

  test("maxConnections leaves the others in the backlog, where nothing is lost", async () => {
    await using fixture = await Fixture.start(transport, { maxConnections: 2 });
    const clients = await Promise.all(
      Array.from({ length: 20 }, () => fixture.connect()),
    );
    await Promise.all(clients.map(async (client) => {
      await client.send(pattern(1_000));
      client.end();
      assertEquals(await client.receivePattern(), 1_000);
      await client[Symbol.asyncDispose]();
    }));
    assertEquals(fixture.stats.peak, 2);
    assertEquals(fixture.stats.bytes, 20_000);
  });

  test("shutdown() refuses newcomers, and lets the others finish", async () => {
    await using fixture = await Fixture.start(transport);
    await using client = await fixture.connect();
    await client.echo(pattern(1));
    const done = fixture.server.shutdown({ grace: 60_000 });
    await assertRejects(() => fixture.connect(), Error);
    assertEquals(await client.echo(pattern(100_000)), pattern(100_000));
    client.end();
    assertEquals(await client.receive(), null);
    await done;
    assertEquals(fixture.closed.map(({ reason }) => reason), ["eof"]);
  });

  test("shutdown({ grace: 0 }) ends reading and writing connections", async () => {
    await using fixture = await Fixture.start(transport);
    await using silent = await fixture.connect();
    await silent.echo(pattern(1));
    await using deaf = await fixture.connect();
    deaf.flood();
    await deaf.receiveExactly(1_000_000);
    await fixture.server.shutdown({ grace: 0 });
    assertEquals(await silent.receive(), null);
    assertEquals(
      fixture.closed.map(({ reason }) => reason),
      ["shutdown", "shutdown"],
    );
  });

  test("stats() say N and B after N clients have echoed B bytes", async () => {
    await using fixture = await Fixture.start(transport);
    let bytes = 0;
    for (let round = 0; round < 5; round++) {
      await Promise.all(Array.from({ length: 40 }, async (_, i) => {
        await using client = await fixture.connect();
        const size = i * 997 + round;
        bytes += size;
        assertEquals(await client.echo(pattern(size)), pattern(size));
        client.end();
        assertEquals(await client.receive(), null);
      }));
    }
    await fixture.closedCount(200);
    const { peak, accepted, refused, active, failed, ...stats } = fixture.stats;
    assertEquals([accepted, refused, active, failed], [200, 0, 0, 0]);
    assertEquals([stats.bytes, stats.closedBy.eof], [bytes, 200]);
    assert(peak >= 1 && peak <= 200);
    assertEquals(fixture.errors, []);
  });
}

/** A connection that does not show the runtime's own way. */
function withoutPipe(connection: Connection): Connection {
  return {
    remoteAddr: connection.remoteAddr,
    read: (p) => connection.read(p),
    write: (p) => connection.write(p),
    close: () => connection.close(),
  };
}

/** Whole numbers below `limit` that are the same in every run. */
function seeded(seed: number): (limit: number) => number {
  let state = seed;
  return (limit) => {
    state = (state * 1664525 + 1013904223) % 2 ** 32;
    return Math.floor(state / 2 ** 32 * limit);
  };
}
