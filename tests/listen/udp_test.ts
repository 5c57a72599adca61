import { EchoServices } from "../../src/listen/echo_services.ts";
import { isClient } from "../../src/listen/udp.ts";
import type { NetAddr } from "../../src/core/transport.ts";
import { assert, assertEquals } from "../helpers/assert.ts";
import { FakeClock, settled } from "../helpers/fake_clock.ts";

function from(address: string, port: number) {
  const family = address.includes(":") ? "IPv6" as const : "IPv4" as const;
  return { address, port, family, size: 0 };
}

const OWN: NetAddr = { transport: "udp", hostname: "192.0.2.1", port: 3000 };

Deno.test("isClient() knows who may be answered", () => {
  const answered: [string, number][] = [
    ["192.0.2.2", 1024],
    ["192.0.2.2", 65535],
    ["192.0.2.2", 3000],
    ["192.0.2.1", 3001],
    ["127.0.0.1", 2048],
    ["223.255.255.255", 5000],
    ["2001:db8::1", 5000],
    ["ff::1", 5000],
    ["::ffff:192.0.2.2", 5000],
  ];
  for (const [address, port] of answered) {
    assert(isClient(from(address, port), OWN), `${address} ${port}`);
  }
  const refused: [string, number][] = [
    ["192.0.2.2", 0],
    ["192.0.2.2", 7],
    ["192.0.2.2", 1023],
    ["192.0.2.2", 2049],
    ["192.0.2.1", 3000],
    ["::ffff:192.0.2.1", 3000],
    ["255.255.255.255", 5000],
    ["224.0.0.1", 5000],
    ["239.255.255.250", 5000],
    ["::ffff:224.0.0.1", 5000],
    ["ff02::1%eth0", 5000],
    ["FF05::2", 5000],
  ];
  for (const [address, port] of refused) {
    assert(!isClient(from(address, port), OWN), `${address} ${port}`);
  }
});

Deno.test("Bound to every address, a socket takes its own port for itself", () => {
  for (const hostname of ["::", "0.0.0.0"]) {
    const own = { ...OWN, hostname };
    assert(!isClient(from("192.0.2.9", 3000), own));
    assert(isClient(from("192.0.2.9", 3001), own));
  }
});

/** Echo services that are asked, and answer as they are told to. */
class Fixture {
  readonly asked: number[] = [];
  readonly services = new EchoServices((bytes, { port }) => {
    this.asked.push(port);
    assert(bytes.length > 0);
    return this.answer;
  });
  answer: Promise<boolean> = Promise.resolve(false);

  /** Somebody sends datagrams, by what is in them. Returns how many were refused. */
  send(count: number, content: (index: number) => number, port = 5000): number {
    let refused = 0;
    for (let index = 0; index < count; index++) {
      const bytes = new Uint8Array(new Uint32Array([content(index)]).buffer);
      if (this.services.note(bytes, from("192.0.2.2", port))) refused++;
    }
    return refused;
  }
}

Deno.test("Nobody is suspected before having sent 1,024 datagrams", async () => {
  const fixture = new Fixture();
  fixture.answer = Promise.resolve(true);
  assertEquals(fixture.send(1_024, () => 1), 0);
  assertEquals(fixture.asked, []);
  fixture.send(1, () => 1);
  assertEquals(fixture.asked, [5000]);
  await settled();
  assertEquals(fixture.send(10, (index) => index), 10);
  assertEquals(fixture.send(10, () => 1, 5001), 0, "another sender");
});

Deno.test("Whoever never sends the same again is not asked", () => {
  const fixture = new Fixture();
  assertEquals(fixture.send(100_000, (index) => index), 0);
  assertEquals(fixture.asked, []);
});

Deno.test("A loop of many datagrams shows in the end", () => {
  for (const length of [2, 1_000, 3_000]) {
    const fixture = new Fixture();
    fixture.send(1_024 + 4 * length + 4_096, (index) => index % length);
    assert(fixture.asked.length > 0, `${length}`);
  }
});

Deno.test("A client that does not answer is asked ever more rarely, and always served", async () => {
  const fixture = new Fixture();
  for (let round = 0; round < 100; round++) {
    assertEquals(fixture.send(1_000, () => 1), 0);
    await settled();
  }
  // After 1, 2, 4, … 64 times 1,024.
  assertEquals(fixture.asked.length, 7);
});

Deno.test("One sender is asked at a time", async () => {
  const fixture = new Fixture();
  const { promise, resolve } = Promise.withResolvers<boolean>();
  fixture.answer = promise;
  fixture.send(1_100, () => 1, 5000);
  fixture.send(1_100, () => 1, 5001);
  assertEquals(fixture.asked, [5000]);
  resolve(false);
  await settled();
  fixture.send(1, () => 1, 5001);
  assertEquals(fixture.asked, [5000, 5001]);
});

Deno.test("Who cannot be asked stays a client", async () => {
  const fixture = new Fixture();
  fixture.answer = Promise.reject(new Error("No permission"));
  fixture.send(1_100, () => 1);
  await settled();
  assertEquals(fixture.send(10, () => 1), 0);
});

Deno.test("An echo service is forgotten when it has been silent for a minute", async () => {
  using clock = new FakeClock();
  const fixture = new Fixture();
  fixture.answer = Promise.resolve(true);
  fixture.send(1_100, () => 1);
  await settled();
  for (let i = 0; i < 3; i++) {
    await clock.advance(60_000);
    assertEquals(fixture.send(1, () => 1), 1);
  }
  await clock.advance(60_001);
  assertEquals(fixture.send(1, () => 1), 0);
});

Deno.test("No more than 1,024 senders are remembered", async () => {
  const fixture = new Fixture();
  fixture.answer = Promise.resolve(true);
  fixture.send(1_100, () => 1);
  await settled();
  for (let port = 6_000; port < 7_023; port++) fixture.send(1, () => 1, port);
  assertEquals(fixture.send(1, () => 1), 1);
  fixture.send(1, () => 1, 7_023);
  assertEquals(fixture.send(1, () => 1), 0);
});
