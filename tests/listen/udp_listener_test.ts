import { EventEmitter } from "node:events";
import { UdpListener } from "../../src/listen/udp.ts";
import type { NetAddr } from "../../src/core/transport.ts";
import { assertEquals, assertRejects } from "../helpers/assert.ts";
import { FakeClock, settled } from "../helpers/fake_clock.ts";
import { systemError } from "../helpers/memory.ts";

type Sent = (error?: Error | null) => void;

/** A socket of `node:dgram` without a network. */
class FakeSocket extends EventEmitter {
  readonly sent: [bytes: number[], address: string, port: number][] = [];
  readonly bound: object[] = [];
  readonly calls: string[] = [];
  /** What becomes of the next datagrams, after which all are sent. */
  readonly fates: (Error | { readonly thrown: unknown })[] = [];
  /** Those that are being sent, while `isSlow`. */
  readonly sending: Sent[] = [];
  isSlow = false;

  address() {
    return { address: "192.0.2.1", port: 3000 };
  }

  bind(place: object, done: () => void): void {
    this.bound.push(place);
    done();
  }

  send(bytes: Uint8Array, port: number, address: string, sent?: Sent): void {
    this.sent.push([[...bytes], address, port]);
    const fate = this.fates.shift();
    if (fate && "thrown" in fate) throw fate.thrown;
    if (this.isSlow && sent) this.sending.push(sent);
    else sent?.(fate ?? null);
  }

  close(): void {
    this.calls.push("close");
  }

  ref(): void {
    this.calls.push("ref");
  }

  unref(): void {
    this.calls.push("unref");
  }

  /** A datagram comes in. */
  receive(bytes: number[], port = 5000, address = "192.0.2.2"): void {
    this.emit("message", Uint8Array.from(bytes), { address, port });
  }
}

/** A listener, its socket, and the one from which it asks senders. */
class Fixture {
  readonly socket = new FakeSocket();
  readonly second = new FakeSocket();
  readonly listener: UdpListener;

  constructor({ anySource = false, own }: {
    anySource?: boolean;
    own?: NetAddr;
  } = {}) {
    const open = () => this.second;
    this.listener = Reflect.construct(UdpListener, [
      this.socket,
      open,
      anySource,
      own,
    ]);
  }

  get counts(): number[] {
    const { echoed, dropped, bytes } = this.listener.datagrams;
    return [echoed, dropped, bytes];
  }
}

Deno.test("UdpListener sends each datagram back to its sender, and counts it", () => {
  const { socket, listener, ...fixture } = new Fixture();
  assertEquals(listener.addr, {
    transport: "udp",
    hostname: "192.0.2.1",
    port: 3000,
  });
  assertEquals(listener.datagrams, { echoed: 0, dropped: 0, bytes: 0 });
  socket.receive([1, 2, 3]);
  socket.receive([], 6000, "2001:db8::1");
  assertEquals(socket.sent, [
    [[1, 2, 3], "192.0.2.2", 5000],
    [[], "2001:db8::1", 6000],
  ]);
  assertEquals(listener.datagrams, { echoed: 2, dropped: 0, bytes: 3 });
  assertEquals(fixture.second.sent, []);
});

Deno.test("UdpListener answers a service only if it is to, and never the port 0", () => {
  for (const anySource of [false, true]) {
    const fixture = new Fixture({ anySource });
    fixture.socket.receive([1], 7);
    fixture.socket.receive([1], 0);
    assertEquals(fixture.counts, anySource ? [1, 1, 1] : [0, 2, 0]);
  }
});

Deno.test("UdpListener takes no address for a client that is its server's", () => {
  const hostname = "::";
  const fixture = new Fixture({ own: { transport: "udp", hostname, port: 0 } });
  fixture.socket.receive([1], 3000);
  fixture.socket.receive([1], 3001);
  assertEquals(fixture.counts, [1, 1, 1]);
  const single = new Fixture();
  single.socket.receive([1], 3000, "192.0.2.1");
  single.socket.receive([1], 3000, "192.0.2.2");
  assertEquals(single.counts, [1, 1, 1]);
});

Deno.test("UdpListener lets 1,024 datagrams wait to be sent, and drops the next", () => {
  const fixture = new Fixture();
  const { socket } = fixture;
  socket.isSlow = true;
  for (let count = 0; count < 1_025; count++) socket.receive([count]);
  assertEquals([socket.sending.length, ...fixture.counts], [1_024, 0, 1, 0]);
  socket.sending.shift()?.(null);
  socket.receive([1]);
  socket.receive([1]);
  assertEquals([socket.sending.length, ...fixture.counts], [1_024, 1, 2, 1]);
  // One that fails makes room as well.
  socket.sending.shift()?.(systemError("EINVAL"));
  socket.receive([1]);
  assertEquals([socket.sending.length, ...fixture.counts], [1_024, 1, 3, 1]);
});

Deno.test("UdpListener sends again what an error of another datagram has stopped", () => {
  const refused = systemError("ECONNREFUSED");
  const other = systemError("EINVAL");
  const cases: [FakeSocket["fates"], sent: number, echoed: number][] = [
    [[refused], 2, 1],
    [[refused, refused, refused], 4, 1],
    [[refused, refused, refused, refused], 4, 0],
    [[other], 1, 0],
    [[new Error("without a code")], 1, 0],
    [[{ thrown: refused }], 2, 1],
    [[{ thrown: other }], 1, 0],
    [[{ thrown: "boom" }], 1, 0],
  ];
  for (const [fates, sent, echoed] of cases) {
    const fixture = new Fixture();
    const { socket } = fixture;
    socket.fates.push(...fates);
    socket.receive([1, 2]);
    assertEquals(socket.sent.length, sent);
    assertEquals(fixture.counts, [echoed, 1 - echoed, 2 * echoed]);
    socket.receive([1, 2]);
    assertEquals(fixture.counts, [echoed + 1, 1 - echoed, 2 * echoed + 2]);
  }
});

Deno.test("UdpListener sends nothing again once it is closed", () => {
  const fixture = new Fixture();
  const { socket } = fixture;
  socket.isSlow = true;
  socket.receive([1]);
  fixture.listener.close();
  socket.sending.shift()?.(systemError("ECONNREFUSED"));
  assertEquals(socket.sent.length, 1);
  assertEquals(fixture.counts, [0, 1, 0]);
});

Deno.test("UdpListener passes on the errors of its socket, but not those of peers", async () => {
  const { socket, listener } = new Fixture();
  for (
    const code of [
      "EACCES",
      "ECONNREFUSED",
      "ECONNRESET",
      "EHOSTDOWN",
      "EHOSTUNREACH",
      "EMSGSIZE",
      "ENETUNREACH",
      "ENONET",
      "ENOPROTOOPT",
      "EOPNOTSUPP",
      "EPROTO",
    ]
  ) socket.emit("error", systemError(code));
  const accepted = listener.accept();
  socket.emit("error", systemError("ENOBUFS"));
  await assertRejects(() => accepted, Error, "ENOBUFS");
  socket.emit("error", new Error("without a code"));
  await assertRejects(() => listener.accept(), Error, "without a code");
});

Deno.test("UdpListener closes its socket once, and accepts nothing then", async () => {
  const { socket, listener } = new Fixture();
  let stopped = 0;
  listener.decorate((send) => ({ send, close: () => void stopped++ }));
  const accepted = listener.accept();
  listener.unref();
  listener.ref();
  listener.close();
  listener.close();
  assertEquals([await accepted, await listener.accept()], [null, null]);
  assertEquals([socket.calls, stopped], [["unref", "ref", "close"], 1]);
});

Deno.test("UdpListener sends by way of its faults, which may drop a datagram", () => {
  const fixture = new Fixture();
  fixture.listener.decorate((send, onDrop) => ({
    send: (bytes, to) => bytes[0] === 1 ? send(bytes, to) : onDrop(),
    close() {},
  }));
  fixture.socket.receive([1]);
  fixture.socket.receive([2]);
  assertEquals(fixture.socket.sent.length, 1);
  assertEquals(fixture.counts, [1, 1, 1]);
});

/** Lets a sender send the same datagram until it is asked. */
async function suspect(fixture: Fixture): Promise<void> {
  for (let count = 0; count < 1_025; count++) fixture.socket.receive([9]);
  await settled();
  assertEquals(fixture.second.bound, [{ port: 0, address: "192.0.2.1" }]);
  assertEquals(fixture.second.sent, [[[9], "192.0.2.2", 5000]]);
  assertEquals(fixture.counts, [1_025, 0, 1_025]);
}

Deno.test("UdpListener answers no sender that has answered a second port", async () => {
  using clock = new FakeClock();
  const fixture = new Fixture();
  await suspect(fixture);
  assertEquals(fixture.second.calls, []);
  fixture.second.receive([9]);
  await settled();
  assertEquals([fixture.second.calls, clock.timers], [["close"], 0]);
  fixture.socket.receive([9]);
  assertEquals(fixture.counts, [1_025, 1, 1_025]);
});

Deno.test("UdpListener waits a second for that answer, from the sender alone", async () => {
  using clock = new FakeClock();
  const fixture = new Fixture();
  await suspect(fixture);
  fixture.second.receive([9], 5001);
  fixture.second.receive([9], 5000, "192.0.2.3");
  await clock.advance(999);
  assertEquals(fixture.second.calls, []);
  await clock.advance(1);
  assertEquals([fixture.second.calls, clock.timers], [["close"], 0]);
  fixture.socket.receive([9]);
  assertEquals(fixture.counts, [1_026, 0, 1_026]);
});

Deno.test("UdpListener stops asking at an error, and when it is closed", async () => {
  using clock = new FakeClock();
  for (const stop of ["error", "close"]) {
    const fixture = new Fixture();
    await suspect(fixture);
    if (stop === "close") fixture.listener.close();
    else fixture.second.emit("error", systemError("ECONNREFUSED"));
    await settled();
    assertEquals([fixture.second.calls, clock.timers], [["close"], 0]);
    fixture.socket.receive([9]);
    assertEquals(fixture.counts, [1_026, 0, 1_026]);
  }
});
