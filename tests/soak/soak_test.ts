import { Buffer } from "node:buffer";
import { assert, assertEquals } from "../helpers/assert.ts";
import { Client, pattern } from "../helpers/client.ts";
import { Program, testProgram } from "../helpers/program.ts";
import { type Runtime, RUNTIMES } from "../helpers/runtimes.ts";
import { FULL, report, SCALE } from "../helpers/scale.ts";

const MiB = 2 ** 20;
/** How much garbage the collectors may leave, in bytes, after a warm-up; more if it was short. */
const GARBAGE = { long: 32 * MiB, short: 128 * MiB };

function test(name: string, run: (runtime: Runtime) => Promise<void>): void {
  testProgram(name, run, RUNTIMES, 60_000 + SCALE * 300_000);
}

/** Does something `count` times, some at the same time. */
async function times(
  count: number,
  parallel: number,
  act: (index: number) => Promise<void>,
): Promise<void> {
  const indices = Array(count).keys();
  await Promise.all(Array.from({ length: parallel }, async () => {
    for (const index of indices) await act(index);
  }));
}

/** Sends bytes and takes as many back, which have to be the same. */
async function echo(connection: Deno.Conn, bytes: Uint8Array): Promise<void> {
  const received = new Uint8Array(bytes.length);
  for (let sent = 0; sent < bytes.length;) {
    sent += await connection.write(bytes.subarray(sent));
  }
  for (let count = 0; count < bytes.length;) {
    const read = await connection.read(received.subarray(count));
    assert(read, "the connection has ended");
    count += read;
  }
  assertEquals(received, bytes);
}

/** Resolves once the program has no more descriptors open than that. */
async function descriptorsBack(program: Program, to: number): Promise<void> {
  while (await program.descriptors() > to);
}

function inMiB(bytes: number): string {
  return `${Math.round(bytes / MiB)} MiB`;
}

function assertFlat(
  before: number,
  after: number,
  warmUp: "long" | "short",
): void {
  const grown = after - before;
  report(`memory from ${inMiB(before)} to ${inMiB(after)}`);
  assert(grown < GARBAGE[warmUp], `memory has grown by ${inMiB(grown)}`);
}

test("resets at random moments leave nothing behind", async (runtime) => {
  await using program = Program.start(runtime, "-p", "0");
  const port = await program.port();
  await using other = await Client.connect(port);
  await other.echo(pattern(9));
  const before = await program.descriptors();
  const resets = (count: number) =>
    times(count, 50, async (index) => {
      await using client = await Client.connect(port);
      const size = index * 7919 % 100_000;
      const moments = [
        () => {},
        () => void client.send(pattern(size)).catch(() => {}),
        () => client.echo(pattern(size)),
        () => client.end(),
        async () => {
          client.send(new Uint8Array(40 * size)).catch(() => {});
          await client.receiveExactly(size);
        },
      ];
      // One after another, so that many meet the server at the same one.
      await moments[Math.floor(index * moments.length / count)]?.();
      await client.reset();
    });
  await resets(3_000 * SCALE);
  const warm = await program.memory();
  await resets(7_000 * SCALE);
  await descriptorsBack(program, before);
  assertEquals(await other.echo(pattern(9)), pattern(9));
  assertFlat(warm, await program.memory(), "short");
  program.signal("SIGTERM");
  await program.line(/^Draining 1 connection /);
});

/** How much of a peer that takes nothing each runtime holds, at most. */
const HELD: Readonly<Record<string, number>> = {
  Deno: 64 * 1024,
  Node: 128 * 1024,
  Bun: 512 * 1024,
};

test("clients that send and never read cost no more than their buffers", async (runtime) => {
  await using program = Program.start(runtime, "-p", "0");
  const port = await program.port();
  await using other = await Client.connect(port);
  // What is garbage after much traffic is not what is held of the deaf.
  for (let i = 0; i < 64; i++) await other.echo(pattern(MiB));
  const before = await program.memory();

  const count = 2_000 * SCALE;
  const chunk = new Uint8Array(MiB);
  let sent = 0;
  const connections: Deno.Conn[] = [];
  await times(count, 50, async () => {
    connections.push(await Deno.connect({ port }));
  });
  const sending = connections.map(async (connection) => {
    for (;;) sent += await connection.write(chunk);
  });
  // Until nothing can be sent any more; others are served all the while.
  for (let last = -1, rounds = 0; rounds < 20; rounds++) {
    assertEquals(await other.echo(pattern(1_000)), pattern(1_000));
    if (sent !== last) rounds = 0;
    last = sent;
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
  const grown = await program.memory() - before;
  for (const connection of connections) connection.close();
  await Promise.allSettled(sending);
  const held = count * (HELD[runtime.name] ?? 0);
  report(`${count} clients, for whom memory has grown by ${inMiB(grown)}`);
  // A tenth of the clients leave as much garbage as all.
  const garbage = FULL ? 64 * MiB : GARBAGE.short;
  assert(grown < held + garbage, `memory has grown by ${inMiB(grown)}`);
});

test("clients that drip a byte a second harm nobody", async (runtime) => {
  await using program = Program.start(runtime, "-p", "0");
  const port = await program.port();
  await using other = await Client.connect(port);
  const connections: Deno.Conn[] = [];
  await times(2_000 * SCALE, 50, async () => {
    connections.push(await Deno.connect({ port }));
  });
  let over = false;
  const dripping = (async () => {
    for (let turn = 0; !over; turn++) {
      // A hundredth of them every hundredth of a second.
      const due = connections.filter((_, index) => index % 100 === turn % 100);
      await Promise.all(
        due.map((connection) => echo(connection, Uint8Array.of(turn))),
      );
      await new Promise((resolve) => setTimeout(resolve, 10));
    }
  })();
  const latencies: number[] = [];
  const start = performance.now();
  while (performance.now() < start + 10_000 * SCALE) {
    const sentAt = performance.now();
    assertEquals(await other.echo(pattern(100)), pattern(100));
    latencies.push(performance.now() - sentAt);
  }
  over = true;
  await dripping;
  for (const connection of connections) connection.close();
  latencies.sort((one, other) => one - other);
  const p99 = latencies[Math.floor(latencies.length * 0.99)] ?? NaN;
  report(`p99 of another client ${p99.toFixed(3)} ms`);
  // Milliseconds, of which a fraction is usual; but this machine may be busy.
  assert(p99 < 250, `p99 is ${p99} ms`);
});

test("one connection carries a gibibyte in the same memory", async (runtime) => {
  await using program = Program.start(runtime, "-p", "0");
  const port = await program.port();
  using connection = await Deno.connect({ port });
  const piece = Buffer.from(pattern(251 * 1024));
  const pieces = Math.ceil(1024 * MiB * SCALE / piece.length);
  const total = pieces * piece.length;
  const sending = (async () => {
    for (let i = 0; i < pieces; i++) {
      for (let sent = 0; sent < piece.length;) {
        sent += await connection.write(piece.subarray(sent));
      }
    }
    await connection.closeWrite();
  })();
  const buffer = Buffer.alloc(256 * 1024);
  let warm = 0;
  let received = 0;
  for (let count; (count = await connection.read(buffer)) !== null;) {
    for (let at = 0; at < count;) {
      const from = received % piece.length;
      const length = Math.min(count - at, piece.length - from);
      const bytes = buffer.subarray(at, at + length);
      assert(
        bytes.equals(piece.subarray(from, from + length)),
        `a byte between ${received} and ${received + length}`,
      );
      at += length;
      received += length;
    }
    if (warm === 0 && received > total / 4) warm = await program.memory();
  }
  await sending;
  assertEquals(received, total);
  assertFlat(warm, await program.memory(), FULL ? "long" : "short");
});

test("an hour's connections in a minute leave nothing behind", async (runtime) => {
  await using program = Program.start(runtime, "--log-format=json", "-p", "0");
  const port = await program.port();
  await using last = await Client.connect(port);
  await last.echo(pattern(1));
  const before = await program.descriptors();
  let bytes = 1;
  const churn = (count: number) =>
    times(count, 50, async (index) => {
      using connection = await Deno.connect({ port });
      const message = pattern(1 + index % 100);
      await echo(connection, message);
      bytes += message.length;
    });
  const warmUp = 100_000 * SCALE;
  const rest = 400_000 * SCALE;
  await churn(warmUp);
  const warm = await program.memory();
  const start = performance.now();
  await churn(rest);
  const seconds = (performance.now() - start) / 1_000;
  report(`${Math.round(rest / seconds)} connections a second`);
  await descriptorsBack(program, before);
  assertFlat(warm, await program.memory(), FULL ? "long" : "short");
  program.signal("SIGTERM");
  last.end();
  await program.ended();
  const { event, connections, failed, bytes: echoed } = JSON.parse(
    program.lines.at(-1) ?? "",
  );
  assertEquals([event, connections, failed, echoed], [
    "terminated",
    warmUp + rest + 1,
    0,
    bytes,
  ]);
});
