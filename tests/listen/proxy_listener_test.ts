import { echo } from "../../src/core/echo.ts";
import { InjectedFault } from "../../src/core/injected_fault.ts";
import { serve } from "../../src/core/server.ts";
import type { ServeOptions } from "../../src/core/serve_options.ts";
import type { Connection, Pem } from "../../src/core/transport.ts";
import { faultyListener } from "../../src/faults/faulty_listener.ts";
import { behindProxy } from "../../src/listen/behind_proxy.ts";
import { formatAddr } from "../../src/core/format_addr.ts";
import { assert, assertEquals, assertRejects } from "../helpers/assert.ts";
import { FakeClock, settled } from "../helpers/fake_clock.ts";
import {
  MemoryConnection,
  MemoryDuplex,
  MemoryListener,
  systemError,
} from "../helpers/memory.ts";
import { INET, value, version1, version2 } from "../helpers/proxy_header.ts";

const HEADER = version1("TCP4 203.0.113.7 192.0.2.2 4660 7");
const LONG = version2(0x11, [...INET, ...value(4, Array(4081).fill(1))]);
/** The balancer of a MemoryConnection. */
const BALANCER = "192.0.2.1:50000";
const BALANCERS = ["192.0.2.0/24", "2001:db8::/32"];

/** A server behind balancers, and what it has reported. */
class Fixture implements AsyncDisposable {
  readonly opened: string[] = [];
  readonly closed: string[] = [];
  readonly refused: string[] = [];
  readonly errors: unknown[] = [];
  readonly listener;
  readonly server;

  private constructor(
    inner: MemoryListener,
    listener: Awaited<ReturnType<typeof behindProxy>>,
    options: ServeOptions,
  ) {
    this.listener = inner;
    this.server = serve(listener, {
      onRefuse: (remoteAddr, reason, { via, error }) => {
        const who = [remoteAddr, via].flatMap((addr) => addr ?? []);
        const why = [reason, error].filter(Boolean).join(": ");
        this.refused.push(`${who.map(formatAddr).join(" via ")} ${why}`);
      },
      onOpen: ({ remoteAddr, via }) => {
        const who = [remoteAddr, via].flatMap((addr) => addr ?? []);
        this.opened.push(who.map(formatAddr).join(" via "));
      },
      onClose: ({ remoteAddr, via, bytes }) => {
        const who = [remoteAddr, via].flatMap((addr) => addr ?? []);
        this.closed.push(`${who.map(formatAddr).join(" via ")} ${bytes}`);
      },
      onError: (error) => this.errors.push(error),
      ...options,
    });
  }

  static async start(options: ServeOptions = {}): Promise<Fixture> {
    const inner = new MemoryListener();
    return new Fixture(inner, await behindProxy(inner, BALANCERS), options);
  }

  async connect(
    bytes: Iterable<number>,
    connection = new MemoryConnection(),
  ): Promise<MemoryConnection> {
    connection.send(bytes);
    this.listener.connect(connection);
    await settled();
    return connection;
  }

  async [Symbol.asyncDispose]() {
    await this.server[Symbol.asyncDispose]();
  }
}

Deno.test("The client of a header is the client, and what is behind it is echoed", async () => {
  await using fixture = await Fixture.start();
  const connection = await fixture.connect([...HEADER, 1, 2, 3]);
  assertEquals(fixture.opened, [`203.0.113.7:4660 via ${BALANCER}`]);
  assertEquals(connection.received, [1, 2, 3]);
  connection.send([4]);
  connection.end();
  await settled();
  assertEquals(connection.received, [1, 2, 3, 4]);
  assertEquals(fixture.closed, [`203.0.113.7:4660 via ${BALANCER} 4`]);
  assertEquals(fixture.errors, []);
});

Deno.test("A header that tells of no client leaves the balancer as the client", async () => {
  for (const header of [version1("UNKNOWN"), version2(0x00, [], 0x20)]) {
    await using fixture = await Fixture.start();
    const [with3, without] = [
      await fixture.connect([...header, 1, 2, 3]),
      await fixture.connect(header),
    ];
    without.send([4]);
    await settled();
    assertEquals(fixture.opened, [BALANCER, BALANCER]);
    assertEquals([with3.received, without.received], [[1, 2, 3], [4]]);
  }
});

Deno.test("Bytes are echoed exactly, wherever a header is cut", async () => {
  const headers = [HEADER, version2(0x11, INET), LONG];
  for (const header of headers) {
    await using fixture = await Fixture.start();
    const bytes = [...header, 1, 2, 3];
    const cuts = header.length > 200
      ? [0, 1, 15, 16, 511, 512, 513, 4111, 4112, 4113]
      : bytes.keys();
    for (const cut of cuts) {
      const connection = await fixture.connect(bytes.slice(0, cut));
      connection.send(bytes.slice(cut));
      connection.end();
      await settled();
      assertEquals(connection.received, [1, 2, 3], `cut at ${cut}`);
    }
    assertEquals(fixture.refused, []);
  }
});

Deno.test("A header may come byte by byte", async () => {
  await using fixture = await Fixture.start();
  const connection = await fixture.connect([]);
  for (const byte of [...version2(0x11, INET), 9]) {
    assertEquals(connection.received, []);
    connection.send([byte]);
    await settled();
  }
  assertEquals(connection.received, [9]);
});

Deno.test("Whoever sends no header is refused, before a byte is echoed", async () => {
  await using fixture = await Fixture.start();
  const stranger = new MemoryConnection("198.51.100.1");
  const connections = [
    await fixture.connect(HEADER, stranger),
    await fixture.connect([72, 105]),
    await fixture.connect(version1("TCP4 a b 1 2")),
    await fixture.connect(version2(0x11, Array(4097).fill(0))),
  ];
  const [gone, lost] = [await fixture.connect([]), await fixture.connect([80])];
  gone.end();
  lost.fail(systemError("ECONNRESET"));
  await settled();
  const left = "the peer left before its PROXY header was there";
  assertEquals(fixture.refused, [
    "198.51.100.1:50000 proxy: not a balancer",
    `${BALANCER} proxy: no PROXY header`,
    `${BALANCER} proxy: malformed PROXY header`,
    `${BALANCER} proxy: PROXY header too long`,
    `${BALANCER} proxy: ${left}`,
    `${BALANCER} proxy: ${left}`,
  ]);
  for (const connection of [...connections, gone, lost]) {
    assertEquals([connection.closed, connection.received], [1, []]);
  }
  // Of a stranger nothing is read.
  assertEquals(stranger.bufferSizes, []);
  assertEquals(fixture.opened, []);
  const { accepted, refused } = fixture.server.stats();
  assertEquals([accepted, refused], [0, 6]);
  assertEquals(fixture.errors, []);
});

Deno.test("A header has five seconds", async () => {
  using clock = new FakeClock();
  await using fixture = await Fixture.start();
  const [slow, slower] = [
    await fixture.connect(HEADER.subarray(0, -1)),
    await fixture.connect(HEADER.subarray(0, -1)),
  ];
  await clock.advance(4_999);
  slow.send(HEADER.subarray(-1));
  await settled();
  assertEquals(fixture.opened.length, 1);
  await clock.advance(1);
  assertEquals(fixture.refused, [
    `${BALANCER} proxy: no PROXY header within 5 s`,
  ]);
  assertEquals([slow.closed, slower.closed], [0, 1]);
  assertEquals(clock.timers, 0);
});

Deno.test("A slow header does not keep the others waiting", async () => {
  await using fixture = await Fixture.start();
  const slow = await fixture.connect(HEADER.subarray(0, 10));
  const quick = await fixture.connect([...HEADER, 1]);
  assertEquals([slow.received, quick.received], [[], [1]]);
  slow.send([...HEADER.subarray(10), 2]);
  await settled();
  assertEquals(slow.received, [2]);
});

Deno.test("So many headers may be under way, the other clients wait", async () => {
  using clock = new FakeClock();
  await using fixture = await Fixture.start();
  const first = await fixture.connect([]);
  for (let count = 1; count < 1_024; count++) {
    fixture.listener.connect(new MemoryConnection());
  }
  const last = await fixture.connect([...HEADER, 1]);
  assertEquals(last.received, []);
  assertEquals(fixture.listener.waiting, 1);
  first.end();
  await settled();
  assertEquals(last.received, [1]);
  assertEquals(clock.timers, 1_023);
});

Deno.test("While there is no place, at most one more is accepted", async () => {
  await using fixture = await Fixture.start({ maxConnections: 1 });
  const first = await fixture.connect([...HEADER, 1]);
  const second = await fixture.connect([...HEADER, 2]);
  const third = await fixture.connect([...HEADER, 3]);
  assertEquals(first.received, [1]);
  assertEquals(fixture.listener.waiting, 1);
  for (
    const [connection, next] of [[first, second], [second, third]] as const
  ) {
    connection.end();
    await settled();
    assert(next.received.length > 0);
  }
});

Deno.test("Admission is by the client, not by the balancer", async () => {
  await using fixture = await Fixture.start({
    admit: (addr) => formatAddr(addr) !== "198.51.100.1:1",
    maxConnectionsPerHost: 1,
  });
  const from = (client: string) => version1(`TCP4 ${client} 192.0.2.2 1 7`);
  const first = await fixture.connect(from("203.0.113.1"));
  await fixture.connect(from("203.0.113.2"));
  await fixture.connect(from("203.0.113.1"));
  await fixture.connect(from("198.51.100.1"));
  const refusal = `203.0.113.1:1 via ${BALANCER} per-host`;
  assertEquals(fixture.refused, [
    refusal,
    `198.51.100.1:1 via ${BALANCER} denied`,
  ]);
  first.end();
  await settled();
  await fixture.connect(from("203.0.113.1"));
  assertEquals(fixture.opened.length, 3);
});

Deno.test("close() closes everything that has not been accepted", async () => {
  using clock = new FakeClock();
  const inner = new MemoryListener();
  const listener = await behindProxy(inner, BALANCERS);
  const accepted = listener.accept();
  const all = [
    inner.connect(new MemoryConnection()),
    inner.connect(new MemoryConnection()),
    inner.connect(new MemoryConnection()),
  ];
  const [, ready, taken] = all;
  assert(ready && taken);
  taken.send(HEADER);
  await settled();
  assert(await accepted);
  ready.send(HEADER);
  await settled();
  await listener.close();
  assertEquals(await listener.accept(), null);
  await settled();
  assertEquals(all.map(({ closed }) => closed > 0), [true, true, false]);
  assertEquals([inner.closed, clock.timers], [1, 0]);
});

Deno.test("Errors of the listener and of a connection's address are passed on", async () => {
  const inner = new MemoryListener();
  const listener = await behindProxy(inner, BALANCERS);
  inner.failAccept(systemError("EMFILE"));
  await assertRejects(() => listener.accept(), Error, "EMFILE happened");
  const nameless = new MemoryConnection();
  Object.defineProperty(nameless, "remoteAddr", {
    get() {
      throw new Error("No address");
    },
  });
  inner.connect(nameless);
  await assertRejects(() => listener.accept(), Error, "No address");
  assertEquals(nameless.closed, 1);
  const connection = inner.connect(new MemoryConnection());
  connection.send(HEADER);
  assert(await listener.accept());
  await listener.close();
});

Deno.test("Balancers are networks, addresses, or whoever has a Unix socket", async () => {
  const wrong = ["", "10.0.0.0/33", "localhost", "UNIX"];
  for (const text of wrong) {
    await assertRejects(
      () => behindProxy(new MemoryListener(), [text]),
      TypeError,
      `Invalid balancer ${
        JSON.stringify(text)
      }: expected an address or a network`,
    );
  }
  await assertRejects(
    () => behindProxy(new MemoryListener(), []),
    TypeError,
    "The places of balancers must be an array that is not empty",
  );
  await assertRejects(
    () => Reflect.apply(behindProxy, undefined, [{}, "10.0.0.0/8"]),
    TypeError,
    "The places of balancers must be an array that is not empty",
  );
});

Deno.test("A listener behind a balancer does all that the one under it does", async () => {
  const calls: unknown[] = [];
  const inner = Object.assign(new MemoryListener(), {
    datagrams: { echoed: 1, dropped: 2, bytes: 3 },
    reload: (pem: Pem) => void calls.push(pem),
    ref: () => void calls.push("ref"),
    unref: () => void calls.push("unref"),
  });
  const listener = await behindProxy(inner, BALANCERS);
  const pem = { cert: "cert", key: "key" };
  listener.reload?.(pem);
  listener.unref?.();
  listener.ref?.();
  assertEquals(calls, [pem, "unref", "ref"]);
  assertEquals([listener.addr, listener.datagrams], [
    inner.addr,
    inner.datagrams,
  ]);
  await listener.close();
  await listener.close();
  assertEquals(inner.closed, 1);

  const plain = await behindProxy(new MemoryListener(), BALANCERS);
  plain.unref?.();
  plain.ref?.();
  assertEquals([plain.reload, plain.datagrams], [undefined, undefined]);
  await plain.close();
});

Deno.test("One accept() is pending at a time, here and at the listener under it", async () => {
  using clock = new FakeClock();
  const inner = new MemoryListener();
  const listener = await behindProxy(inner, BALANCERS);
  const accepted = listener.accept();
  await assertRejects(
    () => listener.accept(),
    Error,
    "Cannot accept: another accept() is pending",
  );
  await settled();
  assertEquals(inner.accepts, 1);
  const connection = inner.connect(new MemoryConnection());
  connection.send(HEADER);
  await settled();
  assert(await accepted);
  const next = listener.accept();
  await settled();
  assertEquals(inner.accepts, 2);
  await listener.close();
  assertEquals([await next, clock.timers], [null, 0]);
});

Deno.test("A listener that ends by itself gives those whose headers are under way, then null", async () => {
  const inner = new MemoryListener();
  const listener = await behindProxy(inner, BALANCERS);
  const accepted = listener.accept();
  const connection = inner.connect(new MemoryConnection());
  await settled();
  inner.close();
  await settled();
  connection.send(HEADER);
  assert((await accepted)?.via);
  const { accepts } = inner;
  assertEquals([await listener.accept(), inner.accepts], [null, accepts]);
  await listener.close();
});

Deno.test("close() closes a connection that the listener hands over late, and tells its error", async () => {
  const handOver = Promise.withResolvers<Connection>();
  const listener = await behindProxy({
    addr: new MemoryListener().addr,
    accept: () => handOver.promise,
    close: () => Promise.reject(new Error("Cannot close")),
  }, BALANCERS);
  const accepted = listener.accept();
  const closing = Promise.try(() => listener.close());
  await assertRejects(() => closing, Error, "Cannot close");
  assertEquals(await accepted, null);
  const late = new MemoryConnection();
  handOver.resolve(late);
  await settled();
  assertEquals([late.closed, late.bufferSizes], [1, []]);
});

Deno.test("A connection that is refused is closed for who reads or writes it", async () => {
  const inner = new MemoryListener();
  const listener = await behindProxy(inner, BALANCERS);
  inner.connect(new MemoryConnection("198.51.100.1"));
  const refused = await listener.accept();
  assert(refused?.refused);
  const bytes = new Uint8Array(1);
  for (const use of [() => refused.read(bytes), () => refused.write(bytes)]) {
    await assertRejects(use, Error, "Connection closed");
  }
  refused.close();
  await listener.close();
});

for (const name of ["unix", "192.0.2.0/24"]) {
  Deno.test(`Balancers ${name}: a Unix socket's peers and the network's are told apart`, async () => {
    const inner = new MemoryListener();
    const listener = await behindProxy(inner, [name]);
    const unnamed = new MemoryConnection();
    Object.defineProperty(unnamed, "remoteAddr", {
      value: { transport: "unix", path: "" },
    });
    for (const connection of [unnamed, new MemoryConnection()]) {
      connection.send(HEADER);
      inner.connect(connection);
    }
    const both = [await listener.accept(), await listener.accept()];
    const trusted = both.filter((one) => one?.refused === undefined);
    assertEquals(trusted.map((one) => one?.via?.transport), [
      name === "unix" ? "unix" : "tcp",
    ]);
    await listener.close();
  });
}

/** A connection with a pipe, as on Node and Bun. */
class PipedConnection extends MemoryDuplex {
  async pipe(onBytes: (count: number) => void): Promise<void> {
    const bytes = new Uint8Array(8);
    for (let count; (count = await this.read(bytes)) !== null;) {
      onBytes(0);
      await this.write(bytes.subarray(0, count));
      onBytes(count);
    }
  }
}

Deno.test("A pipe begins behind what has come with the header", async () => {
  await using fixture = await Fixture.start();
  const connection = new PipedConnection();
  connection.largestWrite = 2;
  await fixture.connect([...HEADER, 1, 2, 3], connection);
  connection.largestWrite = Infinity;
  connection.send([4, 5]);
  connection.end();
  await settled();
  assertEquals(connection.received, [1, 2, 3, 4, 5]);
  assertEquals(fixture.closed, [`203.0.113.7:4660 via ${BALANCER} 5`]);
});

Deno.test("A pipe drops what follows when a limit is reached with the header", async () => {
  await using fixture = await Fixture.start({ maxBytes: 2 });
  const connection = new PipedConnection();
  connection.largestWrite = 2;
  await fixture.connect([...HEADER, 1, 2, 3], connection);
  connection.send([4, 5]);
  await settled();
  assertEquals(connection.endSent, true);
  assertEquals(connection.unread, 0);
  connection.end();
  await settled();
  assertEquals(connection.received, [1, 2]);
  assertEquals(fixture.closed, [`203.0.113.7:4660 via ${BALANCER} 2`]);
});

Deno.test("Faults are those of the clients behind a balancer", async () => {
  const inner = new MemoryListener();
  const listener = faultyListener(await behindProxy(inner, BALANCERS), {
    close: 1,
  });
  const stranger = inner.connect(new MemoryConnection("198.51.100.1"));
  assertEquals((await listener.accept())?.refused?.reason, "proxy");
  assertEquals(stranger.closed, 1);
  const client = inner.connect(new MemoryDuplex());
  client.send([...HEADER, 1, 2]);
  const connection = await listener.accept();
  assert(connection?.via);
  await assertRejects(() => echo(connection), InjectedFault);
  assertEquals(client.received, [1]);
  await listener.close();
});

Deno.test("A connection is reset if the one under it can be", async () => {
  const inner = new MemoryListener();
  const listener = await behindProxy(inner, BALANCERS);
  let resets = 0;
  const resettable: Connection = Object.assign(new MemoryConnection(), {
    reset: () => void resets++,
  });
  for (const connection of [resettable, new MemoryConnection()]) {
    assert(connection instanceof MemoryConnection);
    connection.send(HEADER);
    inner.connect(connection);
  }
  const both = [await listener.accept(), await listener.accept()];
  assertEquals(both.map((one) => typeof one?.reset), ["function", "undefined"]);
  both[0]?.reset?.();
  assertEquals(resets, 1);
  await listener.close();
});
