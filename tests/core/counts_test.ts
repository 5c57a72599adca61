import { Counts, sumCounts } from "../../src/core/counts.ts";
import { serve, serveCounting } from "../../src/core/server.ts";
import type { Addr, Datagrams, Listener } from "../../src/core/transport.ts";
import { assertEquals } from "../helpers/assert.ts";
import { FakeClock, settled } from "../helpers/fake_clock.ts";
import {
  MemoryConnection,
  MemoryListener,
  systemError,
} from "../helpers/memory.ts";

const TCP: Addr = { transport: "tcp", hostname: "192.0.2.2", port: 7 };
const TLS: Addr = { transport: "tls", hostname: "192.0.2.2", port: 8 };
const UDP: Addr = { transport: "udp", hostname: "192.0.2.2", port: 7 };

/** A listener that counts datagrams, and accepts nothing. */
class DatagramListener extends MemoryListener {
  override readonly addr = UDP;
  datagrams: Datagrams = { echoed: 0, dropped: 0, bytes: 0 };
}

function newCounts(endpoints: number): Counts {
  return new Counts(new ArrayBuffer(Counts.sizeFor(endpoints)));
}

Deno.test("Each connection counts for the listener that it came by", async () => {
  const listeners = [new MemoryListener(), new MemoryListener()] as const;
  await using server = serve(listeners);
  const [first, second] = listeners;
  const one = first.connect();
  await settled();
  const two = second.connect();
  const three = second.connect();
  await settled();
  one.send(new Uint8Array(10));
  two.send(new Uint8Array(200));
  three.send(new Uint8Array(3_000));
  await settled();
  two.end();
  await settled();
  const { addr } = first;
  assertEquals(server.stats().endpoints, [
    { addr, accepted: 1, active: 1, bytes: 10 },
    { addr, accepted: 2, active: 1, bytes: 3_200 },
  ]);
  assertEquals(server.stats().bytes, 3_210);
});

Deno.test("Ends and refusals are counted by reason", async () => {
  const listener = new MemoryListener();
  await using server = serve(listener, {
    admit: (addr) => "hostname" in addr && addr.hostname !== "192.0.2.66",
    maxConnectionsPerHost: 3,
    maxBytes: 5,
  });
  const [eof, reset, limit] = [0, 0, 0].map(() => listener.connect());
  listener.connect();
  listener.connect();
  listener.connect(new MemoryConnection("192.0.2.66"));
  await settled();
  eof?.end();
  reset?.fail(systemError("ECONNRESET"));
  limit?.send(new Uint8Array(5));
  await settled();
  const { refused, refusedBy, closedBy, failed } = server.stats();
  assertEquals(refusedBy, { denied: 1, "per-host": 2, proxy: 0 });
  assertEquals([refused, failed], [3, 1]);
  assertEquals([closedBy.eof, closedBy.reset, closedBy.limit], [1, 1, 1]);
  assertEquals(Object.values(closedBy).reduce((sum, some) => sum + some), 3);
});

Deno.test("Durations fall into buckets, each with its upper bound", async () => {
  using clock = new FakeClock();
  const listener = new MemoryListener();
  await using server = serve(listener);
  for (const ms of [0, 1, 2, 1_000, 1_001, 3_600_000, 3_600_001]) {
    const connection = listener.connect();
    await settled();
    clock.now += ms;
    connection.end();
    await settled();
  }
  assertEquals(server.stats().durations, {
    bounds: [0.001, 0.01, 0.1, 1, 10, 60, 600, 3600],
    counts: [2, 1, 0, 1, 1, 0, 0, 1, 1],
    sum: 7_202.005,
  });
});

Deno.test("stats() tell the limit, and that the server stops", async () => {
  await using free = serve(new MemoryListener());
  assertEquals([free.stats().limit, free.stats().stopping], [Infinity, false]);
  const listener = new MemoryListener();
  await using server = serve(listener, { maxConnections: 5 });
  const connection = listener.connect();
  await settled();
  const stopped = server.shutdown();
  assertEquals([server.stats().limit, server.stats().stopping], [5, true]);
  connection.end();
  await stopped;
});

Deno.test("Connections that wait for their turn are counted", async () => {
  const listener = new MemoryListener();
  const server = serve(listener);
  assertEquals(server.stats().waiting, 0);
  const connections = Array.from({ length: 70 }, () => listener.connect());
  await settled();
  for (const connection of connections) connection.send([1]);
  // At most 64 may read again, and keep their places as nothing comes.
  while (server.stats().waiting === 0) await Promise.resolve();
  assertEquals(server.stats().waiting <= 6, true);
  await server[Symbol.asyncDispose]();
});

Deno.test("Datagrams count for their endpoint, and bytes for all", async () => {
  const [stream, datagram] = [new MemoryListener(), new DatagramListener()];
  const listeners: readonly Listener[] = [stream, datagram];
  await using server = serve(listeners);
  datagram.datagrams = { echoed: 3, dropped: 1, bytes: 30 };
  const { datagrams, bytes, endpoints } = server.stats();
  assertEquals(datagrams, datagram.datagrams);
  assertEquals([bytes, endpoints.map(({ bytes }) => bytes)], [30, [0, 30]]);
});

Deno.test("A server that takes over the counts of a dead one adds to them", async () => {
  const memory = new ArrayBuffer(Counts.sizeFor(2));
  const addrs = [TCP, UDP];
  const died = new Counts(memory);
  const first = [new MemoryListener(), new DatagramListener()] as const;
  const server = serveCounting(first, {}, died);
  first[1].datagrams = { echoed: 2, dropped: 1, bytes: 20 };
  first[0].connect().send(new Uint8Array(100));
  first[0].connect();
  await settled();
  server.stats();
  died.bury();
  assertEquals(died.read(addrs).active, 0);
  assertEquals(died.read(addrs).closedBy.error, 2);

  const second = [new MemoryListener(), new DatagramListener()] as const;
  await using next = serveCounting(second, {}, new Counts(memory.slice()));
  second[1].datagrams = { echoed: 5, dropped: 0, bytes: 50 };
  second[0].connect().send(new Uint8Array(1_000));
  await settled();
  const { accepted, active, bytes, datagrams } = next.stats();
  assertEquals([accepted, active, bytes], [3, 1, 1_170]);
  assertEquals(datagrams, { echoed: 7, dropped: 1, bytes: 70 });
  await server[Symbol.asyncDispose]();
});

Deno.test("The counts of several servers add up, endpoint by endpoint", () => {
  const [one, two] = [newCounts(2), newCounts(2)];
  one.open(0);
  one.open(1);
  one.close(1, "eof", 2);
  one.refuse("denied");
  one.setDatagrams(1, { echoed: 1, dropped: 2, bytes: 3 });
  two.open(0);
  two.open(0);
  two.close(0, "reset", 2_000);
  two.setWaiting(4);
  const sum = sumCounts([
    { addrs: [TCP, UDP], counts: one },
    { addrs: [TLS, TCP], counts: two },
  ]);
  const datagrams = { echoed: 1, dropped: 2, bytes: 3 };
  assertEquals(sum.endpoints, [
    { addr: TCP, accepted: 1, active: 1, bytes: 0 },
    { addr: UDP, accepted: 1, active: 0, bytes: 3, datagrams },
    { addr: TLS, accepted: 2, active: 1, bytes: 0 },
  ]);
  assertEquals([sum.accepted, sum.active, sum.refused], [4, 2, 1]);
  assertEquals([sum.failed, sum.waiting, sum.bytes], [1, 4, 3]);
  assertEquals(sum.durations.counts, [0, 1, 0, 0, 1, 0, 0, 0, 0]);
  assertEquals(sum.durations.sum, 2.002);
});

Deno.test("Every number has a place of its own", () => {
  const refusals = ["denied", "per-host", "proxy"] as const;
  const reasons = [
    ...["eof", "reset", "handshake", "idle", "lifetime", "limit"] as const,
    ...["closed", "shutdown", "fault", "error"] as const,
  ];
  const counts = newCounts(2);
  const expected = new Map<string, number>();
  let next = 1;
  for (const reason of refusals) {
    for (let i = 0; i < next; i++) counts.refuse(reason);
    expected.set(reason, next++);
  }
  for (const reason of reasons) {
    for (let i = 0; i < next; i++) {
      counts.open(i % 2);
      counts.close(i % 2, reason, 0);
    }
    expected.set(reason, next++);
  }
  counts.setWaiting(next);
  const { refusedBy, closedBy, waiting, ...rest } = counts.read([TCP, TLS]);
  const all = { ...refusedBy, ...closedBy };
  assertEquals(all, Object.fromEntries(expected) as typeof all);
  const sum = (names: readonly string[]) =>
    names.reduce((sum, name) => sum + (expected.get(name) ?? NaN), 0);
  const ended = sum(reasons);
  assertEquals([rest.accepted, rest.active, waiting], [ended, 0, next]);
  assertEquals(rest.refused, sum(refusals));
  assertEquals(rest.failed, sum(["reset", "handshake", "error"]));
  assertEquals(rest.durations.counts, [ended, 0, 0, 0, 0, 0, 0, 0, 0]);
  assertEquals(rest.durations.sum, 0);
  assertEquals("datagrams" in rest, false);
});

Deno.test("None of a dead server's connections wait for their turn", () => {
  const counts = newCounts(1);
  counts.setWaiting(3);
  counts.bury();
  assertEquals(counts.read([TCP]).waiting, 0);
});
