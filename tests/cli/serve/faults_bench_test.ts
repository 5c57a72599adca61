import { bench } from "../../../src/bench/bench.ts";
import { faultyConnection } from "../../../src/faults/faulty_connection.ts";
import { faultyDatagrams } from "../../../src/faults/faulty_datagrams.ts";
import { assert, assertEquals } from "../../helpers/assert.ts";
import { MemoryConnection } from "../../helpers/memory.ts";
import { Program, testProgram as test } from "../../helpers/program.ts";

/** What the load client sends. */
const LOAD = { messages: 300, size: 64, connections: 1 };

/** Runs the load client on a server with one endpoint. */
async function load(
  runtime: Parameters<typeof Program.start>[0],
  url: string,
  options: object,
) {
  await using program = Program.start(runtime, url);
  const [, endpoint = ""] = await program.line(/^Listening on (\S+) with/);
  return await bench({ endpoint, ...LOAD, ...options });
}

test("bench counts exactly what is done to datagrams, the same each time", async (runtime) => {
  const result = await load(
    runtime,
    "udp://127.0.0.1:0?drop=5%&duplicate=4%&corrupt=3%&seed=3",
    // A busy machine may take long, and each loss keeps a place of the window.
    { window: 100, timeout: 5_000 },
  );
  let sent = 0;
  let dropped = 0;
  let altered = 0;
  let last: Uint8Array | undefined;
  const { send } = faultyDatagrams(
    (bytes) => {
      sent++;
      // A copy of the one before is sent in the same array.
      if (bytes !== last && bytes.some((byte) => byte !== 0)) altered++;
      last = bytes;
    },
    { drop: 5, duplicate: 4, corrupt: 3, seed: 3 },
    () => dropped++,
  );
  for (let count = 0; count < LOAD.messages; count++) {
    send(new Uint8Array(LOAD.size), { address: "127.0.0.1", port: 1 });
  }
  const { datagrams, errors, messages } = result;
  assert(datagrams);
  assertEquals(
    [datagrams.lost, datagrams.duplicated, errors.altered, messages],
    [dropped, sent + dropped - LOAD.messages, altered, LOAD.messages - dropped],
  );
});

test("bench counts exactly the bits that are flipped in a connection", async (runtime) => {
  const { errors, messages } = await load(
    runtime,
    "tcp://127.0.0.1:0?corrupt=5%&seed=3",
    {},
  );
  const inner = new MemoryConnection();
  const connection = faultyConnection(inner, { corrupt: 5, seed: 3 });
  let altered = 0;
  for (let count = 0; count < LOAD.messages; count++) {
    inner.send(new Uint8Array(LOAD.size));
    const p = new Uint8Array(LOAD.size);
    await connection.read(p);
    if (p.some((byte) => byte !== 0)) altered++;
  }
  assertEquals([errors.altered, messages], [altered, LOAD.messages]);
});

test("bench finds datagrams reordered, and each of them intact", async (runtime) => {
  const { datagrams, errors, messages } = await load(
    runtime,
    "udp://127.0.0.1:0?reorder=10%&seed=3",
    { window: 8, timeout: 5_000 },
  );
  assert(datagrams && datagrams.reordered > 10, `${datagrams?.reordered}`);
  assertEquals([datagrams.lost, errors, messages], [0, {}, LOAD.messages]);
});

test("bench gets every byte of a slow and cut-up connection, late", async (runtime) => {
  const { latencyUs, errors, messages } = await load(
    runtime,
    "tcp://127.0.0.1:0?delay=20ms&jitter=5ms&stall=50ms&rate=1MiB&slice=7..50",
    { messages: 20, connections: 5 },
  );
  const { p50 } = latencyUs;
  assert(p50 !== null && p50 > 14_000, `${p50}`);
  assertEquals([errors, messages], [{}, 20]);
});
