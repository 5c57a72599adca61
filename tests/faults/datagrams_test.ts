import { Clock } from "../../src/faults/clock.ts";
import type { DatagramFaults } from "../../src/core/fault_options.ts";
import { faultyDatagrams } from "../../src/faults/faulty_datagrams.ts";
import { reorder } from "../../src/faults/reorder.ts";
import { assert, assertEquals, assertThrows } from "../helpers/assert.ts";
import { FakeClock } from "../helpers/fake_clock.ts";

const ONE = { address: "192.0.2.1", port: 1 };
const OTHER = { address: "192.0.2.1", port: 2 };

/** Sends datagrams with faults, and keeps what is really sent. */
class Sender {
  readonly sent: [number, number][] = [];
  dropped = 0;
  readonly #faulty;

  constructor(faults: DatagramFaults) {
    this.#faulty = faultyDatagrams(
      (bytes, to: typeof ONE) => this.sent.push([bytes[0] ?? -1, to.port]),
      faults,
      () => this.dropped++,
    );
  }

  /** The first bytes of what was sent. */
  get bytes(): number[] {
    return this.sent.map(([byte]) => byte);
  }

  send(byte: number, to = ONE): void {
    this.#faulty.send(new Uint8Array([byte]), to);
  }

  /** Sends so many datagrams. */
  sendMany(count: number): void {
    for (let sent = 0; sent < count; sent++) this.send(0);
  }

  close(): void {
    this.#faulty.close();
  }
}

Deno.test("drop drops a share, and the same one again with the same seed", () => {
  const results = [1, 1, 2].map((seed) => {
    const sender = new Sender({ drop: 10, seed });
    for (let byte = 0; byte < 250; byte++) sender.send(byte);
    assertEquals(sender.bytes.length + sender.dropped, 250);
    assert(sender.dropped > 10 && sender.dropped < 45, `${sender.dropped}`);
    return sender.bytes.join();
  });
  assertEquals(results[0], results[1]);
  assert(results[0] !== results[2]);
});

Deno.test("duplicate sends a share twice", () => {
  const sender = new Sender({ duplicate: 25, seed: 1 });
  sender.sendMany(1_000);
  assert(sender.sent.length > 1_190 && sender.sent.length < 1_310);
});

Deno.test("corrupt flips a bit in a share", () => {
  const sender = new Sender({ corrupt: 25, seed: 1 });
  sender.sendMany(1_000);
  const wrong = sender.bytes.filter((byte) => byte !== 0);
  assert(wrong.length > 190 && wrong.length < 310, `${wrong.length}`);
  assert(wrong.every((byte) => Number.isInteger(Math.log2(byte))));
});

Deno.test("share leaves the others clean", () => {
  const sender = new Sender({ drop: 100, share: 25, seed: 1 });
  sender.sendMany(1_000);
  assert(sender.dropped > 190 && sender.dropped < 310, `${sender.dropped}`);
});

Deno.test("One fault does not change which datagrams another one affects", () => {
  const alone = new Sender({ drop: 10, seed: 1 });
  const both = new Sender({ drop: 10, duplicate: 50, corrupt: 50, seed: 1 });
  for (const sender of [alone, both]) sender.sendMany(500);
  assertEquals(alone.dropped, both.dropped);
});

Deno.test("delay holds each datagram back, on one timer", async () => {
  using clock = new FakeClock();
  const sender = new Sender({ delay: 50 });
  sender.send(1);
  await clock.advance(30);
  sender.send(2);
  assertEquals(clock.timers, 1);
  await clock.advance(19);
  assertEquals(sender.bytes, []);
  await clock.advance(1);
  assertEquals(sender.bytes, [1]);
  await clock.advance(30);
  assertEquals([sender.bytes, clock.timers], [[1, 2], 0]);
});

Deno.test("jitter changes the order of datagrams", async () => {
  using clock = new FakeClock();
  const sender = new Sender({ delay: 50, jitter: 50, seed: 1 });
  const all = Array.from({ length: 100 }, (_, index) => index);
  for (const byte of all) sender.send(byte);
  await clock.advance(100);
  assert(sender.bytes.join() !== all.join());
  assertEquals(sender.bytes.sort((one, other) => one - other), all);
});

Deno.test("delay drops what a window does not hold, and what is held at the end", async () => {
  using clock = new FakeClock();
  const sender = new Sender({ delay: 50, window: 1290 });
  sender.sendMany(15);
  assertEquals(sender.dropped, 5);
  await clock.advance(50);
  assertEquals(sender.sent.length, 10);
  sender.send(1);
  assertEquals(sender.dropped, 5, "there is room again");
  sender.close();
  assertEquals(clock.timers, 0);
});

Deno.test("Without a share all datagrams are affected, without a seed at random", () => {
  const all = new Sender({ drop: 100 });
  all.sendMany(1_000);
  assertEquals(all.dropped, 1_000);
  const which = [0, 1].map(() => {
    const sender = new Sender({ drop: 50 });
    for (let byte = 0; byte < 200; byte++) sender.send(byte);
    return sender.bytes.join();
  });
  assert(which[0] !== which[1]);
});

Deno.test("Datagrams have no faults that are wrong", () => {
  assertThrows(() => new Sender({ drop: 101 }), RangeError, "drop");
});

Deno.test("A datagram that is larger than the window passes alone", async () => {
  using clock = new FakeClock();
  const sender = new Sender({ delay: 50, window: 1 });
  sender.send(1);
  sender.send(2);
  await clock.advance(50);
  assertEquals([sender.bytes, sender.dropped], [[1], 1]);
});

Deno.test("reorder sends a datagram after the next one of the same client", async () => {
  using clock = new FakeClock();
  const sender = new Sender({ reorder: 100 });
  sender.send(1);
  sender.send(2, OTHER);
  sender.send(3);
  assertEquals(sender.bytes, [3, 1]);
  sender.send(4);
  await clock.advance(100);
  assertEquals([sender.bytes, clock.timers], [[3, 1, 2, 4], 0]);
});

Deno.test("reorder keeps datagrams of so many clients only", () => {
  using clock = new FakeClock();
  let sent = 0;
  const send = reorder(() => sent++, 100, () => 0, new Clock());
  for (let port = 1; port <= 2_000; port++) {
    send(new Uint8Array(1), { address: "::1", port });
  }
  assertEquals([sent, clock.timers], [2_000 - 1_024, 1]);
});
