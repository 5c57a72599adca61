import { serve } from "../../mod.ts";
import { assert, assertEquals, assertRejects } from "../helpers/assert.ts";
import { certificate } from "../helpers/certificates.ts";
import { pattern } from "../helpers/client.ts";
import { Fixture, Pair } from "../helpers/fixtures.ts";
import { version1 } from "../helpers/proxy_header.ts";
import type { Transport } from "../helpers/transports.ts";
import type { Test } from "./connection_contract.ts";

/**
 * States what listeners behind a balancer have to do on real sockets, besides
 * what all connections have to. `behind` sends a PROXY header, `direct` does not.
 */
export function proxyContract(
  test: Test,
  behind: Transport,
  direct: Transport,
): void {
  const refused = { ...direct, options: behind.options };

  test("The client of the header is the client", async () => {
    await using fixture = await Fixture.start(behind);
    await using client = await fixture.connect();
    await client.echo(pattern(10));
    client.end();
    await fixture.closedCount(1);
    const [closed] = fixture.closed;
    assert(closed);
    const { name: transport } = behind;
    assertEquals(
      closed.remoteAddr,
      transport === "unix"
        ? { transport, path: "" }
        : { transport, hostname: "127.0.0.1", port: 4660 },
    );
    assertEquals(closed.via?.transport, transport);
    assertEquals([closed.bytes, closed.reason], [10, "eof"]);
  });

  test("A peer that sends no header is refused, and no byte is echoed", async () => {
    const refusals: unknown[] = [];
    await using fixture = await Fixture.start(refused, {
      onRefuse: (_addr, reason, { error }) => refusals.push(reason, error),
    });
    await using client = await fixture.connect();
    client.sendRaw(pattern(10));
    await assertRejects(async () => {
      if (await client.receive() === null) throw new Error("End of file");
    }, Error);
    assertEquals(refusals, ["proxy", "no PROXY header"]);
    assertEquals([fixture.stats.accepted, fixture.stats.refused], [0, 1]);
  });

  if (behind.name !== "unix") {
    test("A reset on purpose lets what was sent before it arrive", async () => {
      const bytes = pattern(1_000_000);
      const resetting: Transport = {
        ...behind,
        options() {
          const options = behind.options();
          assert(options.transport !== "unix" && options.transport !== "udp");
          return { ...options, faults: { reset: bytes.length } };
        },
      };
      await using pair = await Pair.open(resetting);
      // Nobody reads meanwhile, so the system still has most of it to send.
      for (let sent = 0; sent < bytes.length;) {
        sent += await pair.connection.write(bytes.subarray(sent));
      }
      assertEquals(await pair.client.receiveExactly(bytes.length), bytes);
      await assertRejects(() => pair.client.receive(), Error);
    });
  }

  if (behind.name === "tls") {
    // Everywhere else on Deno and Bun, it takes another socket.
    test("A certificate is replaced on the same socket: no client is lost", async () => {
      const listener = await behind.listen();
      await using server = serve(listener);
      assert(listener.reload);
      let over = false;
      let echoed = 0;
      const clients = Array.from({ length: 8 }, async () => {
        while (!over) {
          await using client = await behind.connect(server.addr);
          await client.echo(pattern(1));
          echoed++;
        }
      });
      for (let count = 0; count < 5; count++) {
        const next = echoed + 16;
        while (echoed < next) {
          await new Promise((resolve) => setTimeout(resolve, 0));
        }
        await listener.reload(certificate());
      }
      over = true;
      await Promise.all(clients);
      assertEquals(server.stats().accepted, echoed);
    });
    return;
  }

  test("A client that ends its side right after the header is at its end", async () => {
    await using fixture = await Fixture.start(behind);
    await using client = await fixture.connect();
    client.end();
    assertEquals(await client.receive(), null);
    await fixture.closedCount(1);
    assertEquals(fixture.closed.map(({ reason }) => reason), ["eof"]);
  });

  test("Bytes in the same write as the header are echoed, and the end counts", async () => {
    await using fixture = await Fixture.start(refused);
    for (const size of [1, 400, 100_000]) {
      await using client = await fixture.connect();
      const header = version1("TCP4 192.0.2.1 192.0.2.2 4660 7");
      const sending = client.send(Uint8Array.of(...header, ...pattern(size)));
      client.end();
      assertEquals(await client.receivePattern(), size);
      await sending;
    }
    await fixture.closedCount(3);
    assertEquals(
      fixture.closed.map(({ bytes }) => bytes).sort((a, b) => a - b),
      [1, 400, 100_000],
    );
  });

  test("A limit that is reached with the header ends the connection in good order", async () => {
    await using fixture = await Fixture.start(refused, { maxBytes: 3 });
    await using client = await fixture.connect();
    const header = version1("TCP4 192.0.2.1 192.0.2.2 4660 7");
    await client.send(Uint8Array.of(...header, ...pattern(5)));
    assertEquals(await client.receivePattern(), 5);
    await client.send(pattern(1_000));
    client.end();
    await fixture.closedCount(1);
    assertEquals(
      fixture.closed.map(({ bytes, reason }) => [bytes, reason]),
      [[5, "limit"]],
    );
  });
}
