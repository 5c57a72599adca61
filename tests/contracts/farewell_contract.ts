import type { ServeOptions } from "../../mod.ts";
import { assert, assertEquals } from "../helpers/assert.ts";
import { pattern } from "../helpers/client.ts";
import { Fixture } from "../helpers/fixtures.ts";
import type { Transport } from "../helpers/transports.ts";
import type { Test } from "./connection_contract.ts";

/** Ends that the server decides on, by their reason. */
const ENDS: Record<string, ServeOptions> = {
  limit: { maxBytes: 64 * 1024 },
  lifetime: { maxLifetime: 200 },
  shutdown: {},
};

/** States how the server ends a connection, on every transport. */
export function farewellContract(test: Test, transport: Transport): void {
  for (const [reason, options] of Object.entries(ENDS)) {
    test(`A client that goes on sending gets all that is counted, and the end (${reason})`, async () => {
      await using fixture = await Fixture.start(transport, options);
      await using client = await fixture.connect();
      let over = false;
      const sending = (async () => {
        for (let sent = 0; !over; sent += 200_000) {
          await client.send(pattern(200_000, sent));
          // A system that takes all at once would leave no time for the rest.
          await turn();
        }
      })().catch(() => {});
      // The pattern repeats after 251 bytes.
      const first = await client.receiveExactly(251);
      assertEquals(first, pattern(251));
      if (reason === "shutdown") fixture.server.shutdown({ grace: 50 });
      const received = 251 + await client.receivePattern();
      over = true;
      await sending;
      client.end();
      await fixture.closedCount(1);
      const [closed] = fixture.closed;
      assertEquals([closed?.reason, closed?.bytes], [reason, received]);
      assertEquals(fixture.errors, []);
    });
  }

  test("A client that reads late gets all that is counted too", async () => {
    await using fixture = await Fixture.start(transport, ENDS["limit"]);
    await using client = await fixture.connect();
    await client.send(pattern(200_000));
    while (fixture.stats.bytes < 64 * 1024) await turn();
    for (let count = 0; count < 100; count++) await turn();
    const received = await client.receivePattern();
    client.end();
    await fixture.closedCount(1);
    assertEquals(fixture.closed[0]?.bytes, received);
  });

  test("A client that takes nothing, or stays, is closed all the same", async () => {
    // At the same time, as each takes two seconds. Before that there is time for
    // a handshake on a busy machine.
    await Promise.all([
      assertEnds(transport, "idle", { idleTimeout: 2_000 }),
      assertEnds(transport, "lifetime", { maxLifetime: 2_000 }),
    ]);
  });
}

/** Asserts that a client that takes nothing, and a silent one, are ended. */
async function assertEnds(
  transport: Transport,
  reason: string,
  options: ServeOptions,
): Promise<void> {
  await using fixture = await Fixture.start(transport, options);
  await using deaf = await fixture.connect();
  await using staying = await fixture.connect();
  deaf.flood();
  assertEquals(await staying.receive(), null);
  const start = performance.now();
  await fixture.closedCount(2);
  const waited = performance.now() - start;
  assert(waited < 10_000, `It took ${waited} ms`);
  assertEquals(fixture.closed.map(({ reason }) => reason), [reason, reason]);
  assertEquals([fixture.errors, fixture.stats.failed], [[], 0]);
}

function turn(): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, 0));
}
