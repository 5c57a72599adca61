import { DatagramClient } from "../../src/bench/datagram_client.ts";
import type { Client, ClientOwner, Finding } from "../../src/bench/client.ts";
import { createTimes } from "../../src/bench/seat.ts";
import { Load } from "../../src/bench/load.ts";
import { Outstanding } from "../../src/bench/outstanding.ts";
import { Pattern } from "../../src/bench/pattern.ts";
import type {
  Connector,
  Socket,
  SocketHandler,
} from "../../src/runtimes/connector.ts";
import { assert, assertEquals } from "../helpers/assert.ts";
import { loadOptions } from "../helpers/load_options.ts";
import { FakeClock } from "../helpers/fake_clock.ts";

const pattern = new Pattern();

/** A client whose datagrams go nowhere, and what it is told. */
class Fixture implements ClientOwner, Socket, Disposable {
  /** It stands still, as what is sent is given up by it. */
  readonly clock = new FakeClock();
  readonly told: [kind: string, offset: number, count: number][] = [];
  readonly found: [Finding, time: number][] = [];
  readonly sent: Uint8Array[] = [];
  readonly echoed: number[] = [];
  missing = 0;
  full = false;
  overflowed: number | undefined;
  readonly client: DatagramClient;

  constructor(...sizes: number[]) {
    this.client = new DatagramClient(
      { id: 1, times: [createTimes(), createTimes()] },
      this,
      pattern,
      (kind, offset, count) => this.told.push([kind, offset, count]),
    );
    this.client.attach(this);
    sizes.forEach((size, i) => this.client.send(size, i, i));
  }

  write(bytes: Uint8Array, from: number, to: number): number {
    if (this.full) return 0;
    this.sent.push(bytes.slice(from, to));
    return to - from;
  }

  overflow(): number | undefined {
    return this.overflowed;
  }

  lostBefore(now: number): number {
    return now - 1_000;
  }

  close(): void {}
  onHeard(): void {}
  onLost(): void {}

  onEcho(_: Client, time: number): void {
    this.echoed.push(time);
  }

  onMissing(): void {
    this.missing++;
  }

  onFinding(finding: Finding, time: number): void {
    this.found.push([finding, time]);
  }

  /** Lets a datagram come back, perhaps changed. */
  echo(number: number, change = (bytes: Uint8Array) => bytes): void {
    const echo = change(Uint8Array.from(this.sent[number] ?? []));
    this.client.onData(echo, echo.length);
  }

  [Symbol.dispose]() {
    this.clock[Symbol.dispose]();
  }
}

Deno.test("DatagramClient completes each message when it comes back", () => {
  using fixture = new Fixture(64, 64, 64, 64, 64);
  for (const number of [0, 2, 4]) fixture.echo(number);
  assertEquals([fixture.echoed, fixture.told], [[0, 2, 4], []]);
  fixture.echo(1);
  assertEquals(fixture.found, [["reordered", 1]]);
  assertEquals([fixture.echoed, fixture.client.inFlight], [[0, 2, 4, 1], 1]);
  fixture.client.finish();
  assertEquals([fixture.told, fixture.found.length], [[], 1]);
});

Deno.test("DatagramClient calls lost what has not come back in time, and only that", () => {
  using fixture = new Fixture(64, 64, 64);
  fixture.echo(1);
  fixture.client.giveUp(1_000);
  assertEquals([fixture.found, fixture.missing], [[], 0]);
  fixture.client.giveUp(1_000.5);
  fixture.client.giveUp(1_000.5);
  assertEquals([fixture.found, fixture.missing], [[["lost", 0]], 1]);
  // It is lost even if it comes: neither late, nor reordered, nor duplicated.
  fixture.echo(0);
  fixture.echo(2);
  assertEquals([fixture.echoed, fixture.told], [[1, 2], []]);
  assertEquals(fixture.found.length, 1);
});

Deno.test("DatagramClient tells what has happened to a datagram", () => {
  const cases: [(bytes: Uint8Array) => Uint8Array, string, number, number][] = [
    [(bytes) => bytes.with(10, 255 ^ (bytes[10] ?? 0)), "altered", 74, 1],
    [() => new Uint8Array(64), "altered", 64, 64],
    [(bytes) => bytes.subarray(0, 40), "dropped", 104, 24],
    [(bytes) => bytes.subarray(0, 5), "dropped", 69, 59],
    [(bytes) => bytes.subarray(24), "dropped", 64, 24],
    [(bytes) => Uint8Array.of(...bytes, 1, 2, 3), "inserted", 128, 3],
    [(bytes) => Uint8Array.of(1, 2, 3, ...bytes), "inserted", 64, 3],
  ];
  for (const [change, kind, offset, count] of cases) {
    using fixture = new Fixture(64, 64, 64);
    fixture.echo(0);
    fixture.echo(1, change);
    fixture.echo(2);
    const isWhole = kind !== "dropped";
    const counts = fixture.told.reduce((sum, [, , count]) => sum + count, 0);
    assertEquals(fixture.told[0]?.[0], kind);
    // Of zeros, a few may be right by chance.
    assert(counts <= count && counts >= count - 2, `${kind}: ${counts}`);
    if (count < 64) assertEquals(fixture.told, [[kind, offset, count]]);
    assertEquals(fixture.echoed, isWhole ? [0, 1, 2] : [0, 2]);
    assertEquals(fixture.missing, isWhole ? 0 : 1);
  }
});

Deno.test("DatagramClient tells what comes twice, and what was never sent", () => {
  using fixture = new Fixture(64, 64);
  fixture.echo(0);
  fixture.echo(0);
  fixture.echo(1);
  const stranger = new Uint8Array(30);
  fixture.client.onData(stranger, 30);
  assertEquals(fixture.found.map(([finding]) => finding), ["duplicated"]);
  assertEquals(fixture.told, [["inserted", 128, 30]]);
  assertEquals(fixture.echoed, [0, 1]);
});

Deno.test("DatagramClient knows its datagrams where the pattern repeats itself among them", () => {
  // Ten times the period and more is under way, of sizes that differ.
  const sizes = Array.from({ length: 2_100 }, (_, i) => 1_200 + i % 7);
  using fixture = new Fixture(...sizes);
  for (let number = 1; number < sizes.length; number += 2) fixture.echo(number);
  for (let number = 0; number < sizes.length; number += 2) fixture.echo(number);
  assertEquals(fixture.echoed.length, sizes.length);
  const kinds = new Set(fixture.found.map(([finding]) => finding));
  assertEquals([[...kinds], fixture.told], [["reordered"], []]);
});

Deno.test("DatagramClient takes no whole datagram for a part of one that is missing", () => {
  // What is missing is older than what comes by more than the period.
  using fixture = new Fixture(...Array(20_000).fill(64));
  for (let number = 10_000; number < 20_000; number++) fixture.echo(number);
  assertEquals([fixture.echoed.length, fixture.found], [10_000, []]);
  fixture.echo(15_000);
  assertEquals(fixture.found.map(([finding]) => finding), ["duplicated"]);
  fixture.client.giveUp(11_000);
  assertEquals(fixture.found.length, 1 + 10_000);
  for (let number = 6_000; number < 7_000; number++) fixture.echo(number);
  assertEquals([fixture.found.length, fixture.told], [1 + 10_000, []]);
});

Deno.test("DatagramClient tells datagrams apart that have fewer than eight bytes", () => {
  using fixture = new Fixture(4, 4, 4, 4);
  for (const number of [0, 2, 3]) fixture.echo(number);
  assertEquals([fixture.echoed, fixture.told], [[0, 2, 3], []]);
  fixture.echo(1);
  assertEquals([fixture.found, fixture.told], [[["reordered", 1]], []]);
});

Deno.test("DatagramClient knows four bytes among any number of others", () => {
  for (const size of [4, 5, 7, 8]) {
    using fixture = new Fixture();
    const { client } = fixture;
    for (let i = 0; i < 1_000; i++) client.send(size, i, 0);
    // Every hundredth comes twice, far behind the others; one comes too late.
    const isSlow = (number: number) => number % 100 === 50;
    for (let i = 0; i < 1_000; i++) if (!isSlow(i)) fixture.echo(i);
    for (let i = 50; i < 950; i += 100) fixture.echo(i);
    for (let i = 50; i < 950; i += 100) fixture.echo(i);
    client.giveUp(1_001);
    fixture.echo(950);
    assertEquals([fixture.echoed.length, fixture.told], [999, []], `${size}`);
    const count = (kind: Finding) =>
      fixture.found.filter(([found]) => found === kind).length;
    assertEquals(
      [count("reordered"), count("duplicated"), count("lost")],
      [9, 9, 1],
    );
  }
});

Deno.test("DatagramClient knows what comes twice, or too late, of fewer than eight bytes", () => {
  for (const size of [1, 2, 4, 7]) {
    using fixture = new Fixture(size, size, size, size);
    fixture.echo(0);
    fixture.echo(0);
    fixture.client.giveUp(1_001.5);
    fixture.echo(1);
    fixture.echo(2);
    fixture.echo(3);
    assertEquals(fixture.told, [], `${size}`);
    assertEquals([fixture.echoed, fixture.missing], [[0, 2, 3], 1]);
    assertEquals(fixture.found.map(([kind]) => kind), ["duplicated", "lost"]);
    // What is none of these is wrong.
    fixture.client.send(size, 4, 4);
    fixture.echo(4, (bytes) => bytes.map((byte) => byte ^ 0x55));
    if (size > 2) assertEquals(fixture.told, [["altered", 4 * size, size]]);
  }
});

Deno.test("DatagramClient knows that a datagram comes too late, however many were lost before", () => {
  using fixture = new Fixture();
  const { client } = fixture;
  for (let i = 0; i < 190_000; i++) client.send(64, 0, 0);
  client.giveUp(1_001);
  for (let i = 0; i < 100; i++) client.send(64, 1_001, 1_001);
  for (let i = 0; i < 190_100; i += 100) fixture.echo(i);
  assertEquals([fixture.told, fixture.found.length], [[], 190_000]);
});

Deno.test("DatagramClient takes no whole datagram for a part of another, even if it is long gone", () => {
  using fixture = new Fixture();
  const { client } = fixture;
  for (let i = 0; i < 100_000; i++) client.send(64, 0, 0);
  client.giveUp(1_001);
  for (let i = 0; i < 5_000; i++) client.send(64, 1_001, 1_001);
  for (let i = 0; i < 100_000; i += 100) fixture.echo(i);
  assertEquals(fixture.told, []);
});

Deno.test("DatagramClient sends the rest when there is room again, from then on waits", () => {
  using fixture = new Fixture(64);
  fixture.full = true;
  fixture.client.send(64, 5, 5);
  fixture.client.send(64, 6, 6);
  const { client } = fixture;
  assertEquals([client.sent, client.unsent(0), client.unsent(6)], [64, 2, 1]);
  fixture.echo(0);
  client.giveUp(Infinity);
  client.finish("late");
  // What was not sent is not the server's.
  assertEquals([fixture.told, fixture.missing], [[], 0]);
  assertEquals(fixture.found, []);
  using other = new Fixture();
  other.full = true;
  other.client.send(64, 5, 5);
  other.full = false;
  other.clock.now = 6;
  other.client.onDrain();
  assertEquals([other.client.sent, other.client.unsent(0)], [64, 0]);
  other.client.giveUp(1_006);
  assertEquals(other.missing, 0);
  other.client.giveUp(1_006.5);
  assertEquals(other.missing, 1);
});

Deno.test("DatagramClient puts down to itself what its own buffer has lost", () => {
  using fixture = new Fixture(64, 64, 64);
  fixture.overflowed = 2;
  fixture.client.giveUp(Infinity);
  assertEquals(fixture.found, [["unread", 0], ["unread", 1], ["lost", 2]]);
});

Deno.test("Outstanding finds what is waited for, however much there is", () => {
  const out = new Outstanding();
  for (let number = 0; number < 100; number++) {
    out.push(number * 10, number * 10 + 10, number);
    out.send(number, number);
    if (number % 3 > 0) out.finish(number);
  }
  assertEquals([out.first, out.next, out.count], [0, 100, 34]);
  for (let number = 0; number < 100; number += 3) {
    assertEquals(out.find(number * 10 + 9), number);
    assertEquals([out.size(number), out.time(number)], [10, number]);
    assert(out.isOut(number) && !out.isOut(number + 1));
    out.finish(number);
  }
  assertEquals([out.first, out.count, out.find(5)], [100, 0, -1]);
});

/** A UDP server that sends each datagram back after some time, or never. */
class DatagramServer implements Connector {
  #handler: SocketHandler | undefined;
  #number = 0;
  readonly #delay: (number: number) => number;

  constructor(delay: (number: number) => number) {
    this.#delay = delay;
  }

  connect(_: unknown, handler: SocketHandler): Promise<Socket> {
    this.#handler = handler;
    return Promise.resolve(this);
  }

  write(bytes: Uint8Array, from: number, to: number): number {
    const echo = bytes.slice(from, to);
    const delay = this.#delay(this.#number++);
    if (delay < Infinity) {
      setTimeout(() => this.#handler?.onData(echo, echo.length), delay);
    }
    return to - from;
  }

  close(): void {}
}

/** Loads such a server with 200 messages in 200 ms. */
async function load(delay: (number: number) => number) {
  using clock = new FakeClock();
  const options = loadOptions({
    addr: { transport: "udp", hostname: "192.0.2.1", port: 7 },
    messages: 200,
    rate: 1_000,
  });
  const latencies: number[] = [];
  const load = new Load(
    new DatagramServer(delay),
    options,
    (_, ms) => void latencies.push(Math.round(ms)),
  );
  await load.open();
  load.count();
  load.start();
  let isOver = false;
  const run = load.exhausted.then(() => load.stop()).then(() => isOver = true);
  while (!isOver) {
    await clock.advance(clock.now < 400 ? 1 : 25);
    clock.turn();
  }
  await run;
  assertEquals(clock.timers, 0);
  assertEquals([...load.faults.counts], []);
  const { messages, sent, lost, reordered, pace } = load.tally();
  assertEquals([latencies.length, sent], [messages, messages + lost]);
  latencies.sort((a, b) => a - b);
  return { messages, latencies, lost, reordered, pace };
}

Deno.test("Load counts no datagram that is lost, and no latency of one", async () => {
  const { messages, latencies, lost } = await load((number) =>
    number % 2 === 0 ? Infinity : 2
  );
  assertEquals([messages, lost], [100, 100]);
  assertEquals([latencies.at(0), latencies.at(-1)], [2, 2]);
});

Deno.test("Load does not take the rate of a while for that of the whole time", async () => {
  // The first 40 of 200 come back, or the last 40.
  for (const isBack of [(n: number) => n < 40, (n: number) => n >= 160]) {
    const { messages, pace } = await load((number) =>
      isBack(number) ? 2 : Infinity
    );
    assertEquals([messages, pace], [40, 200]);
  }
});

Deno.test("Load does not take a rate for lower because the last datagram is slow", async () => {
  const { messages, pace } = await load((number) => number === 199 ? 100 : 2);
  assertEquals([messages, Math.round(pace)], [200, 1_000]);
});

Deno.test("Load waits for a datagram that is slow, and tells how slow", async () => {
  const { messages, latencies, lost, reordered } = await load((number) =>
    number % 100 === 50 ? 100 : 0
  );
  assertEquals([messages, lost, reordered], [200, 0, 2]);
  assertEquals(latencies.slice(-3), [
    latencies.at(-3),
    100,
    100,
  ]);
  assert((latencies.at(-3) ?? NaN) <= 1);
});

Deno.test("Load calls lost what comes back after its time, to the millisecond", async () => {
  const { messages, latencies, lost } = await load((number) =>
    number === 50 ? 1_000 : number === 51 ? 1_001 : 1
  );
  assertEquals([messages, lost, latencies.at(-1)], [199, 1, 1_000]);
});

Deno.test("DatagramClient has RFC 3550's jitter of the round trips", () => {
  using fixture = new Fixture();
  const { clock } = fixture;
  const roundTrip = (ms: number) => {
    fixture.client.send(64, clock.now, clock.now);
    clock.now += ms;
    fixture.echo(fixture.sent.length - 1);
  };
  roundTrip(5);
  assertEquals(fixture.client.jitter, undefined);
  roundTrip(5);
  assertEquals(fixture.client.jitter, 0);
  roundTrip(21);
  assertEquals(fixture.client.jitter, 1);
  roundTrip(22);
  assertEquals(fixture.client.jitter, 1);
  roundTrip(6);
  assertEquals(fixture.client.jitter, 1 + 15 / 16);
});
