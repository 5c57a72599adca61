import type { ListenOptions } from "../../mod.ts";
import { assert, assertEquals, assertRejects } from "../helpers/assert.ts";
import { pattern } from "../helpers/client.ts";
import { Fixture, Pair } from "../helpers/fixtures.ts";
import type { Transport } from "../helpers/transports.ts";
import type { Test } from "./connection_contract.ts";

/** States how a server resets a connection, where the transport has resets. */
export function resetContract(test: Test, transport: Transport): void {
  const resetting: Transport = {
    ...transport,
    options: (): ListenOptions => {
      const options = transport.options();
      return options.transport === "unix" || options.transport === "udp"
        ? options
        : { ...options, resets: true };
    },
  };

  test("What may be reset echoes exactly, and notices the end", async () => {
    await using fixture = await Fixture.start(resetting);
    for (const size of [1, 100_000, 4 * 1024 * 1024]) {
      await using client = await fixture.connect();
      const sending = client.send(pattern(size));
      sending.then(() => client.end());
      assertEquals(await client.receivePattern(), size);
      await sending;
    }
    await fixture.closedCount(3);
    assertEquals(
      fixture.closed.map(({ reason, bytes }) => [reason, bytes]),
      [["eof", 1], ["eof", 100_000], ["eof", 4 * 1024 * 1024]],
    );
  });

  if (transport.name === "unix") {
    test("A connection has no reset", async () => {
      await using pair = await Pair.open(resetting);
      assertEquals(pair.connection.reset, undefined);
    });
    return;
  }

  test("reset() gives the client ECONNRESET after what it has received", async () => {
    await using pair = await Pair.open(resetting);
    const { connection, client } = pair;
    await connection.write(pattern(3));
    assertEquals(await client.receiveExactly(3), pattern(3));
    assert(connection.reset);
    const read = connection.read(new Uint8Array(1));
    connection.reset();
    await assertRejects(() => read, Error);
    const error = await assertRejects(() => client.receive(), Error);
    assert("code" in error);
    assertEquals(error.code, "ECONNRESET");
  });

  test("reset() closes a connection whose end is just being sent", async () => {
    await using pair = await Pair.open(resetting);
    const { connection } = pair;
    assert(connection.closeWrite && connection.reset);
    const read = connection.read(new Uint8Array(1));
    connection.closeWrite().catch(() => {});
    connection.reset();
    await assertRejects(() => read, Error);
  });

  test("What is delivered reaches the client before a reset", async () => {
    await using pair = await Pair.open(resetting);
    const { connection, client } = pair;
    const bytes = pattern(200_000);
    const received = client.receiveExactly(bytes.length);
    for (let sent = 0; sent < bytes.length;) {
      sent += await connection.write(bytes.subarray(sent));
    }
    assert(connection.delivered && connection.reset);
    await connection.delivered();
    connection.reset();
    assertEquals(await received, bytes);
    await assertRejects(() => client.receive(), Error);
  });

  test("reset() ends a write that is pending, and a connection without traffic", async () => {
    await using deaf = await Pair.open(resetting);
    await deaf.fill();
    assert(deaf.connection.reset);
    deaf.connection.reset();
    await assertRejects(() => deaf.filling, Error);

    await using silent = await Pair.open(resetting);
    assert(silent.connection.reset);
    silent.connection.reset();
    await assertRejects(() => silent.client.receive(), Error);
  });
}
