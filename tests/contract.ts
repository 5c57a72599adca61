import { connect as connectRaw } from "node:net";
import { listen, serve } from "../mod.ts";
import type {
  ClosedConnection,
  Connection,
  Listener,
  ServeOptions,
  Stats,
} from "../mod.ts";
import { assert, assertEquals, assertRejects } from "./assert.ts";
import { Client, pattern } from "./client.ts";

/** How a runtime's test runner takes a test. */
export type Test = (name: string, run: () => Promise<void>) => void;

/** States what the adapter of every runtime, and the server on it, has to do. */
export function contract(test: Test): void {
  test("listen() takes a free port and names it", async () => {
    const listener = await listen({ port: 0 });
    const { addr } = listener;
    assert("port" in addr && addr.port > 0);
    assertEquals([addr.transport, addr.hostname], ["tcp", "127.0.0.1"]);
    listener.close();
  });

  test("listen() says what it could not bind, and why", async () => {
    const listener = await listen({ port: 0 });
    const port = portOf(listener);
    const error = await assertRejects(
      () => listen({ port }),
      Error,
      `Cannot listen on tcp://127.0.0.1:${port}: address already in use`,
    );
    assert(error.cause instanceof Error);
    listener.close();
    await assertRejects(
      () => listen({ hostname: "192.0.2.1", port: 0 }),
      Error,
      "Cannot listen on tcp://192.0.2.1:0: not an address of this machine",
    );
    await assertRejects(
      () => listen({ hostname: "no.such.host.invalid", port: 0 }),
      Error,
      "Cannot listen on tcp://no.such.host.invalid:0: ",
    );
  });

  test("listen() rejects options of the wrong type or range", async () => {
    for (const port of [-1, 65536]) {
      await assertRejects(() => listen({ port }), RangeError, "0 to 65535");
    }
    for (const options of [{ port: 1.5 }, { port: "80" }, { hostname: "" }]) {
      await assertRejects(
        () => Reflect.apply(listen, undefined, [options]),
        TypeError,
        "Cannot listen: ",
      );
    }
  });

  test("listen() takes both address families", async () => {
    await using fixture = await Fixture.start({}, "::");
    for (const host of ["127.0.0.1", "::1"]) {
      await using client = await Client.connect(fixture.port, host);
      assertEquals(await client.echo(pattern(5)), pattern(5));
    }
  });

  test("A closed listener accepts nothing", async () => {
    const listener = await listen({ port: 0 });
    const accepted = listener.accept();
    listener.close();
    listener.close();
    assertEquals(await accepted, null);
    assertEquals(await listener.accept(), null);
  });

  test("A connection names its peer", async () => {
    await using pair = await Pair.open();
    const { remoteAddr } = pair.connection;
    assert("port" in remoteAddr && remoteAddr.port > 0);
    assertEquals(remoteAddr.hostname, "127.0.0.1");
  });

  test("read() gives what was sent, then null at the end", async () => {
    await using pair = await Pair.open();
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
    await using pair = await Pair.open();
    const { connection, client } = pair;
    client.end();
    assertEquals(await connection.read(new Uint8Array(1)), null);
    assertEquals(await connection.write(pattern(3)), 3);
    pair.close();
    assertEquals(await client.receivePattern(), 3);
  });

  test("write() waits for a peer that does not read", async () => {
    await using pair = await Pair.open();
    const written = await pair.fill();
    assert(written > 0);
    let count = 0;
    while (count < written) {
      count += (await pair.client.receive())?.length ?? 0;
    }
    await pair.filling;
  });

  test("close() rejects a pending read and a pending write", async () => {
    await using reading = await Pair.open();
    const read = reading.connection.read(new Uint8Array(1));
    reading.close();
    await assertRejects(() => read, Error);

    await using writing = await Pair.open();
    await writing.fill();
    writing.close();
    await assertRejects(() => writing.filling, Error);
  });

  test("A reset rejects with its POSIX name", async () => {
    await using pair = await Pair.open();
    const { connection, client } = pair;
    const read = connection.read(new Uint8Array(1));
    await client.reset();
    const error = await assertRejects(() => read, Error);
    assert("code" in error);
    assertEquals(error.code, "ECONNRESET");
  });

  test("Echoes exactly, whatever the sizes and however it is cut", async () => {
    await using fixture = await Fixture.start();
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
    await using fixture = await Fixture.start();
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
    await using fixture = await Fixture.start();
    await using _silent = await fixture.connect();
    const deaf = await Promise.all(
      Array.from({ length: 10 }, () => fixture.connect()),
    );
    for (const client of deaf) {
      client.send(new Uint8Array(16 * 1024 * 1024)).catch(() => {});
    }
    for (let i = 0; i < 10; i++) {
      await using client = await fixture.connect();
      assertEquals(await client.echo(pattern(1_000)), pattern(1_000));
    }
    for (const client of deaf) await client[Symbol.asyncDispose]();
  });

  test("Resets at every stage end their own connection only", async () => {
    await using fixture = await Fixture.start();
    const stages: ((client: Client) => Promise<unknown>)[] = [
      async () => {},
      (client) => client.send(pattern(100)),
      (client) => client.echo(pattern(100)),
      // Both directions are full: the server is writing.
      (client) => {
        client.send(new Uint8Array(64 * 1024 * 1024)).catch(() => {});
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
    assertEquals(fixture.stats.failed, fixture.stats.accepted - 1);
    assertEquals(
      new Set(fixture.closed.map(({ reason }) => reason)),
      new Set(["reset"]),
    );
  });

  test("Clients that have gone before they are accepted cost no time", async () => {
    await using fixture = await Fixture.start({ maxConnections: 1 });
    const first = await fixture.connect();
    await first.echo(pattern(1));
    for (let i = 0; i < 300; i++) await connectAndReset(fixture.port);
    await using last = await fixture.connect();
    await last.send(pattern(9));
    const start = performance.now();
    first.end();
    assertEquals(await last.receiveExactly(9), pattern(9));
    const waited = performance.now() - start;
    // With the back-off of 5 ms to 1 s it would be minutes.
    assert(waited < 1_500, `The 301st client waited for ${waited} ms`);
    assertEquals(fixture.errors.length, fixture.stats.failed);
    await first[Symbol.asyncDispose]();
  });

  test("maxConnections leaves the others in the backlog, where nothing is lost", async () => {
    await using fixture = await Fixture.start({ maxConnections: 2 });
    const clients = await Promise.all(
      Array.from({ length: 20 }, () => fixture.connect()),
    );
    for (const client of clients) {
      await client.send(pattern(1_000));
      client.end();
    }
    for (const client of clients) {
      assertEquals(await client.receivePattern(), 1_000);
      await client[Symbol.asyncDispose]();
    }
    assertEquals(fixture.stats.peak, 2);
    assertEquals(fixture.stats.bytes, 20_000);
  });

  test("A thousand clients find room in the backlog", async () => {
    await using fixture = await Fixture.start({ maxConnections: 1 });
    const clients = await Promise.all(
      Array.from({ length: 1_000 }, () => fixture.connect()),
    );
    await fixture.server.shutdown({ grace: 0 });
    for (const client of clients) await client[Symbol.asyncDispose]();
  });

  test("idleTimeout closes a silent client and one that takes nothing", async () => {
    await using fixture = await Fixture.start({ idleTimeout: 300 });
    await using silent = await fixture.connect();
    await using deaf = await fixture.connect();
    deaf.send(new Uint8Array(64 * 1024 * 1024)).catch(() => {});
    assertEquals(await silent.receive(), null);
    await fixture.closedCount(2);
    assertEquals(fixture.closed.map(({ reason }) => reason), ["idle", "idle"]);
    assertEquals(fixture.stats.failed, 0);
  });

  test("shutdown() refuses newcomers, and lets the others finish", async () => {
    await using fixture = await Fixture.start();
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
    await using fixture = await Fixture.start();
    await using silent = await fixture.connect();
    await silent.echo(pattern(1));
    await using deaf = await fixture.connect();
    deaf.send(new Uint8Array(64 * 1024 * 1024)).catch(() => {});
    await deaf.receiveExactly(1_000_000);
    await fixture.server.shutdown({ grace: 0 });
    assertEquals(await silent.receive(), null);
    assertEquals(
      fixture.closed.map(({ reason }) => reason),
      ["shutdown", "shutdown"],
    );
  });

  test("stats() say N and B after N clients have echoed B bytes", async () => {
    await using fixture = await Fixture.start();
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
    const { startedAt: _, peak, ...stats } = fixture.stats;
    assertEquals(stats, {
      accepted: 200,
      refused: 0,
      active: 0,
      failed: 0,
      bytes,
    });
    assert(peak >= 1 && peak <= 200);
    assertEquals(fixture.errors, []);
  });
}

/** Connects, and resets the connection as soon as the system has it. */
export function connectAndReset(port: number): Promise<void> {
  return new Promise((resolve) => {
    const socket = connectRaw(port, "127.0.0.1");
    socket.once("connect", () => socket.resetAndDestroy());
    socket.on("error", () => {});
    socket.once("close", () => resolve());
  });
}

function portOf({ addr }: { addr: Listener["addr"] }): number {
  assert("port" in addr);
  return addr.port;
}

/** A server on a real socket, and what it has reported. */
class Fixture implements AsyncDisposable {
  readonly closed: ClosedConnection[] = [];
  readonly errors: unknown[] = [];
  readonly server;
  readonly port: number;
  #onClose = () => {};

  private constructor(listener: Listener, options: ServeOptions) {
    this.server = serve(listener, {
      ...options,
      onClose: (connection) => {
        this.closed.push(connection);
        this.#onClose();
      },
      onError: (error) => this.errors.push(error),
    });
    this.port = portOf(listener);
  }

  static async start(
    options: ServeOptions = {},
    hostname = "127.0.0.1",
  ): Promise<Fixture> {
    return new Fixture(await listen({ hostname, port: 0 }), options);
  }

  get stats(): Stats {
    return this.server.stats();
  }

  connect(): Promise<Client> {
    return Client.connect(this.port);
  }

  /** Resolves when so many connections have ended. */
  async closedCount(count: number): Promise<void> {
    while (this.closed.length < count) {
      await new Promise<void>((resolve) => this.#onClose = resolve);
    }
  }

  async [Symbol.asyncDispose]() {
    await this.server[Symbol.asyncDispose]();
  }
}

/** A connection and its peer. */
class Pair implements AsyncDisposable {
  readonly connection: Connection;
  readonly client: Client;
  /** Settles when what `fill` has begun is written. */
  filling: Promise<unknown> = Promise.resolve();
  #open = true;

  private constructor(connection: Connection, client: Client) {
    this.connection = connection;
    this.client = client;
  }

  static async open(): Promise<Pair> {
    const listener = await listen({ port: 0 });
    const accepted = listener.accept();
    const client = await Client.connect(portOf(listener));
    const connection = await accepted;
    listener.close();
    assert(connection);
    return new Pair(connection, client);
  }

  /** Writes until a write is pending; returns how many bytes went before it. */
  async fill(): Promise<number> {
    const chunk = new Uint8Array(1024 * 1024);
    for (let written = 0;; written += chunk.length) {
      let done = false;
      this.filling = this.#writeAll(chunk).finally(() => done = true);
      this.filling.catch(() => {});
      for (let turn = 0; turn < 20 && !done; turn++) {
        await new Promise((resolve) => setTimeout(resolve, 0));
      }
      if (!done) return written;
    }
  }

  async #writeAll(bytes: Uint8Array): Promise<void> {
    for (let sent = 0; sent < bytes.length;) {
      sent += await this.connection.write(bytes.subarray(sent));
    }
  }

  close(): void {
    if (this.#open) this.connection.close();
    this.#open = false;
  }

  async [Symbol.asyncDispose]() {
    this.close();
    await this.client[Symbol.asyncDispose]();
  }
}

/** Whole numbers below `limit` that are the same in every run. */
function seeded(seed: number): (limit: number) => number {
  let state = seed;
  return (limit) => {
    state = (state * 1664525 + 1013904223) % 2 ** 32;
    return Math.floor(state / 2 ** 32 * limit);
  };
}
