import { Buffer } from "node:buffer";
import { assert, assertEquals } from "../helpers/assert.ts";
import { Client, pattern } from "../helpers/client.ts";
import { Program, testProgram } from "../helpers/program.ts";
import { type Runtime, RUNTIMES } from "../helpers/runtimes.ts";
import { report, SCALE } from "../helpers/scale.ts";

const MiB = 2 ** 20;
/** How much the memory held may differ between two measurements, in bytes. */
const TOLERANCE = 32 * MiB;
/** How much is echoed for such a measurement, in bytes. */
const MEASURE = 128 * MiB;

function test(name: string, run: (runtime: Runtime) => Promise<void>): void {
  testProgram(name, run, RUNTIMES, 60_000 + SCALE * 300_000);
}

/** What keeps the garbage of V8 small: it lets its heap grow as long as there is room. */
const SMALL_HEAP = ["--max-semi-space-size=1", "--max-old-space-size=64"];
const HEAP_OPTIONS: Readonly<Record<string, readonly string[]>> = {
  Deno: [`--v8-flags=${SMALL_HEAP}`],
  Node: SMALL_HEAP,
};

/** Starts the program so that it holds little that it does not need. */
function start({ name, command, args }: Runtime, ...own: string[]): Program {
  const options = [...args, ...HEAP_OPTIONS[name] ?? []];
  return new Program(command, [...options, "mod.ts", "-p", "0", ...own], {
    // So that glibc gives back at once what is freed.
    MALLOC_MMAP_THRESHOLD_: String(16 * 1024),
  });
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

/**
 * How much memory a program holds, in bytes, without its garbage. When that is
 * collected depends on how much there is. So this makes some, many times, and
 * takes the least that it sees.
 */
async function memoryHeld(program: Program, client: Client): Promise<number> {
  const message = pattern(MiB);
  let least = Infinity;
  for (let sent = 0; sent < MEASURE; sent += message.length) {
    await client.echo(message);
    least = Math.min(least, await program.memory());
  }
  return least;
}

/** How often to look at most whether memory is what it was. */
const LOOKS = 10;

/**
 * Holds that a program has as much memory as `before`, and what it may hold
 * besides. An allocator may give back late what is free, so this looks again; what
 * has leaked does not come back. Returns how often it has measured.
 */
async function assertFlat(
  program: Program,
  client: Client,
  before: number,
  held = 0,
): Promise<number> {
  let grown = Infinity;
  let looks = 0;
  for (; grown >= held + TOLERANCE && looks < LOOKS; looks++) {
    grown = await memoryHeld(program, client) - before;
  }
  report(`memory from ${inMiB(before)} to ${inMiB(before + grown)}`);
  assert(grown < held + TOLERANCE, `memory has grown by ${inMiB(grown)}`);
  return looks;
}

test("resets at random moments leave nothing behind", async (runtime) => {
  await using program = start(runtime);
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
  const warm = await memoryHeld(program, other);
  await resets(7_000 * SCALE);
  await descriptorsBack(program, before);
  await assertFlat(program, other, warm);
  program.signal("SIGTERM");
  await program.line(/^Draining 1 connection /);
});

/** How much of a peer that takes nothing each runtime holds, at most. */
const HELD: Readonly<Record<string, number>> = {
  Deno: 64 * 1024,
  Node: 128 * 1024,
  Bun: 512 * 1024,
};

/** Clients that send for ever, and never read. */
class Deaf implements Disposable {
  readonly #connections: Deno.Conn[] = [];
  readonly #chunk = new Uint8Array(MiB);
  #sent = 0;

  /** Resolves once so many more have come, and none of them can send any more. */
  async join(
    count: number,
    program: Program,
    port: number,
    other: Client,
  ): Promise<void> {
    await times(count, 50, async () => {
      const connection = await Deno.connect({ port });
      this.#connections.push(connection);
      this.#send(connection).catch(() => {});
    });
    // Others are served all the while.
    for (let last = -1, rounds = 0; rounds < 20; rounds++) {
      assertEquals(await other.echo(pattern(1_000)), pattern(1_000));
      if (this.#sent !== last) rounds = 0;
      last = this.#sent;
      // Which no garbage would be.
      const memory = await program.memory();
      assert(memory < 1024 * MiB, `memory has grown to ${inMiB(memory)}`);
      await new Promise((resolve) => setTimeout(resolve, 10));
    }
  }

  async #send(connection: Deno.Conn): Promise<void> {
    for (;;) this.#sent += await connection.write(this.#chunk);
  }

  [Symbol.dispose]() {
    for (const connection of this.#connections) connection.close();
  }
}

test("clients that send and never read cost no more than their buffers", async (runtime) => {
  await using program = start(runtime);
  const port = await program.port();
  await using other = await Client.connect(port);
  using deaf = new Deaf();
  const half = 1_000 * SCALE;
  // The first ones also cost what is there once, however many there are.
  await deaf.join(half, program, port, other);
  const before = await memoryHeld(program, other);
  await deaf.join(half, program, port, other);
  await assertFlat(program, other, before, half * (HELD[runtime.name] ?? 0));
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
  await using program = start(runtime);
  const port = await program.port();
  await using other = await Client.connect(port);
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
    if (warm === 0 && received > total / 4) {
      warm = await memoryHeld(program, other);
    }
  }
  await sending;
  assertEquals(received, total);
  await assertFlat(program, other, warm);
});

test("an hour's connections in a minute leave nothing behind", async (runtime) => {
  await using program = start(runtime, "--log-format=json");
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
  const warm = await memoryHeld(program, last);
  bytes += MEASURE;
  const startedAt = performance.now();
  await churn(rest);
  const seconds = (performance.now() - startedAt) / 1_000;
  report(`${Math.round(rest / seconds)} connections a second`);
  await descriptorsBack(program, before);
  bytes += MEASURE * await assertFlat(program, last, warm);
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
