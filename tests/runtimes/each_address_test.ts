import type { NetAddr } from "../../src/core/transport.ts";
import type { Connector, SocketHandler } from "../../src/runtimes/connector.ts";
import { tryEachAddress } from "../../src/runtimes/each_address.ts";
import { TimeoutError } from "../../src/runtimes/timeout.ts";
import { assertEquals, assertRejects } from "../helpers/assert.ts";
import { FakeClock } from "../helpers/fake_clock.ts";

const IGNORE: SocketHandler = { onData() {}, onDrain() {}, onEnd() {} };
const ADDRESSES = ["192.0.2.1", "192.0.2.2", "192.0.2.3"];

function addrOf(transport: NetAddr["transport"], hostname = "name"): NetAddr {
  return { transport, hostname, port: 7 };
}

/** A network in which some addresses can be connected to, and some answer. */
class Network implements Connector {
  readonly tried: string[] = [];
  names: (string | undefined)[] = [];
  open: string[] = [];
  answering: string[] = [];
  error: Error = Object.assign(new Error(), { code: "ECONNREFUSED" });

  // deno-lint-ignore require-await -- so that what it throws rejects
  async connect(
    addr: NetAddr,
    handler: SocketHandler,
    serverName?: string,
  ): ReturnType<Connector["connect"]> {
    const { hostname } = addr;
    this.tried.push(hostname);
    this.names.push(serverName);
    if (!this.open.includes(hostname)) throw this.error;
    return {
      remoteAddress: hostname,
      write: (bytes, from, to) => {
        if (this.answering.includes(hostname)) {
          handler.onData(bytes.subarray(from, to), to - from);
        }
        return to - from;
      },
      close() {},
    };
  }

  connector(find = () => Promise.resolve(ADDRESSES)): Connector {
    return tryEachAddress({
      connect: (addr, handler, name) => {
        if ("path" in addr) throw new Error("A path");
        return this.connect(addr, handler, name);
      },
    }, find);
  }
}

Deno.test("An address, and a name with one address, go straight through", async () => {
  const network = new Network();
  network.open = ["192.0.2.9", "name"];
  const connector = network.connector(() => Promise.resolve(["192.0.2.1"]));
  await connector.connect(addrOf("tcp", "192.0.2.9"), IGNORE);
  await connector.connect(addrOf("tls"), IGNORE);
  assertEquals(network.tried, ["192.0.2.9", "name"]);
  assertEquals(network.names, [undefined, undefined]);
});

Deno.test("A name that cannot be looked up is left to the runtime", async () => {
  const network = new Network();
  const connector = network.connector(() => Promise.reject(new Error()));
  await assertRejects(() => connector.connect(addrOf("tcp"), IGNORE), Error);
  assertEquals(network.tried, ["name"]);
});

Deno.test("The one that can be connected to is tried first from then on", async () => {
  const network = new Network();
  network.open = ["192.0.2.2", "192.0.2.3"];
  const connector = network.connector();
  for (let count = 0; count < 2; count++) {
    const { remoteAddress } = await connector.connect(addrOf("tls"), IGNORE);
    assertEquals(remoteAddress, "192.0.2.2");
  }
  assertEquals(network.tried, ["192.0.2.1", "192.0.2.2", "192.0.2.2"]);
  assertEquals(new Set(network.names), new Set(["name"]));
  network.open = ["192.0.2.1"];
  const { remoteAddress } = await connector.connect(addrOf("tls"), IGNORE);
  assertEquals(remoteAddress, "192.0.2.1");
});

Deno.test("An error names all that were tried", async () => {
  const network = new Network();
  const connector = network.connector();
  const error = await assertRejects(
    () => connector.connect(addrOf("tcp"), IGNORE),
    AggregateError,
  );
  assertEquals(
    error.message,
    ADDRESSES.map((address) => `${address}: connection refused`).join("; "),
  );
  network.error = new TimeoutError("no answer", 10_000);
  await assertRejects(
    () => connector.connect(addrOf("tcp"), IGNORE),
    AggregateError,
    "192.0.2.3: no answer within 10 s",
  );
});

Deno.test("Over UDP one that answers is preferred", async () => {
  using clock = new FakeClock();
  const network = new Network();
  network.open = ["192.0.2.2", "192.0.2.3"];
  network.answering = ["192.0.2.3"];
  const connector = network.connector();
  for (let count = 0; count < 2; count++) {
    const connecting = connector.connect(addrOf("udp"), IGNORE);
    await clock.advance(1_000);
    assertEquals((await connecting).remoteAddress, "192.0.2.3");
  }
  assertEquals(network.tried, [...ADDRESSES, "192.0.2.3", "192.0.2.3"]);
  assertEquals(clock.timers, 0);
});

Deno.test("Over UDP silence is no error, but nobody at all is one", async () => {
  using clock = new FakeClock();
  const network = new Network();
  network.open = ["192.0.2.2", "192.0.2.3"];
  const connecting = network.connector().connect(addrOf("udp"), IGNORE);
  await clock.advance(2_000);
  assertEquals((await connecting).remoteAddress, "192.0.2.2");
  network.open = [];
  await assertRejects(
    () => network.connector().connect(addrOf("udp"), IGNORE),
    AggregateError,
    "192.0.2.1: connection refused; 192.0.2.2: connection refused",
  );
});
