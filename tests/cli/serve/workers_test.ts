import process from "node:process";
import { listen } from "../../../mod.ts";
import {
  assert,
  assertEquals,
  assertMatch,
  assertRejects,
} from "../../helpers/assert.ts";
import { Client, pattern } from "../../helpers/client.ts";
import { Program, testProgram } from "../../helpers/program.ts";
import { type Runtime, RUNTIMES } from "../../helpers/runtimes.ts";

const [DENO] = RUNTIMES;

/** A test of the program with workers, whose module Deno has to be allowed to read. */
function test(name: string, fn: (runtime: Runtime) => Promise<void>): void {
  testProgram(name, ({ args, ...runtime }) =>
    fn({
      ...runtime,
      args: runtime.name === "Deno" ? [...args, "--allow-read"] : args,
    }));
}

function start(runtime: Runtime, ...args: string[]): Program {
  return Program.start(runtime, "--workers", "2", "-p", "0", ...args);
}

/** The sockets of this machine that listen on a port of 127.0.0.1. */
async function listenersOn(port: number): Promise<Set<string>> {
  const table = await Deno.readTextFile("/proc/net/tcp");
  const hex = port.toString(16).toUpperCase().padStart(4, "0");
  // The state 0A is LISTEN; the tenth field tells one socket from another.
  const listeners = table.split("\n").filter((line) =>
    line.includes(`: 0100007F:${hex} 00000000:0000 0A`)
  );
  return new Set(listeners.map((line) => line.trim().split(/\s+/)[9] ?? ""));
}

/** How many sockets two workers listen with. */
function socketsOfTwo({ name }: Runtime): number {
  return name === "Node" ? 2 * 16 : 2;
}

/**
 * Resolves once two workers listen again, `dead` of them in the place of some with
 * sockets of `before`: a socket may outlast its worker for a moment.
 */
async function restarted(
  runtime: Runtime,
  port: number,
  before: Set<string>,
  dead: number,
): Promise<void> {
  const count = socketsOfTwo(runtime);
  for (;;) {
    const now = await listenersOn(port);
    const left = before.intersection(now).size;
    if (now.size === count && left === count * (2 - dead) / 2) return;
    await turn();
  }
}

/** Lets other things happen. */
function turn(): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, 0));
}

test("two workers look like one server", async (runtime) => {
  await using program = start(runtime, "-v");
  const port = await program.port();
  assertEquals(program.lines.length, 1);
  assertEquals((await listenersOn(port)).size, socketsOfTwo(runtime));
  await Promise.all(Array.from({ length: 40 }, async (_, i) => {
    await using client = await Client.connect(port);
    assertEquals(await client.echo(pattern(i)), pattern(i));
    client.end();
    assertEquals(await client.receive(), null);
  }));
  await using last = await Client.connect(port);
  await last.echo(pattern(1));
  program.signal("SIGTERM");
  await program.line(/^Draining 1 connection /);
  assertEquals(await last.echo(pattern(9)), pattern(9));
  last.end();
  assertEquals((await program.ended()).code, 0);
  assertMatch(
    program.lines.at(-1) ?? "",
    /^Server terminated: 41 connections, 790 B echoed in/,
  );
  const ids = program.lines.flatMap((line) =>
    /^#(\d+) .* opened$/.exec(line)?.[1] ?? []
  );
  assertEquals(ids, Array.from({ length: 41 }, (_, i) => String(i + 1)));
});

test("the second signal closes the connections of all workers", async (runtime) => {
  await using program = start(runtime, "--grace", "1h");
  const port = await program.port();
  const clients = await Promise.all(
    Array.from({ length: 10 }, () => Client.connect(port)),
  );
  for (const client of clients) await client.echo(pattern(1));
  program.signal("SIGINT");
  await program.line(/^Draining 10 connections /);
  program.signal("SIGINT");
  assertEquals((await program.ended()).code, 0);
  for (const client of clients) {
    assertEquals(await client.receive(), null);
    await client[Symbol.asyncDispose]();
  }
});

test("--max-connections is shared out among the workers", async (runtime) => {
  await using program = start(runtime, "-v", "-c", "2");
  const port = await program.port();
  await Promise.all(Array.from({ length: 30 }, async () => {
    await using client = await Client.connect(port);
    assertEquals(await client.echo(pattern(9)), pattern(9));
    client.end();
    assertEquals(await client.receive(), null);
  }));
  program.signal("SIGTERM");
  await program.ended();
  let open = 0;
  let most = 0;
  for (const line of program.lines) {
    if (/opened$/.test(line)) most = Math.max(most, ++open);
    if (/closed/.test(line)) open--;
  }
  assert(most <= 2, `${most} connections at the same time`);
  assertEquals(open, 0);
});

test("a worker that dies is started again", async (runtime) => {
  const { command, args } = runtime;
  const script = "tests/helpers/mortal_workers.ts";
  await using program = new Program(command, [...args, script]);
  const port = await program.port();
  const before = await listenersOn(port);
  await using first = await Client.connect(port);
  await program.line(/^A worker has died: it has ended by itself$/);
  await first[Symbol.asyncDispose]();
  await restarted(runtime, port, before, 1);
  await Promise.all(Array.from({ length: 40 }, async () => {
    await using client = await Client.connect(port);
    assertEquals(await client.echo(pattern(9)), pattern(9));
  }));
});

test("what workers that died had counted is kept", async (runtime) => {
  const { command, args } = runtime;
  const script = "tests/helpers/mortal_workers.ts";
  await using program = new Program(command, [...args, script, "190"]);
  const port = await program.port();
  const before = await listenersOn(port);
  const clients = await Promise.all(
    Array.from({ length: 20 }, () => Client.connect(port)),
  );
  let bytes = 0;
  for (const [index, client] of clients.entries()) {
    bytes += index;
    assertEquals(await client.echo(pattern(index)), pattern(index));
    if (index % 2 === 0) client.end();
    if (index % 2 === 0) assertEquals(await client.receive(), null);
  }
  program.signal("SIGHUP");
  while (program.lines.filter((line) => /has died/.test(line)).length < 2) {
    await program.line(/has died/);
    await turn();
  }
  for (const client of clients) await client[Symbol.asyncDispose]();
  await restarted(runtime, port, before, 2);
  await using last = await Client.connect(port);
  assertEquals(await last.echo(pattern(1_000)), pattern(1_000));
  last.end();
  assertEquals(await last.receive(), null);
  program.signal("SIGTERM");
  const [line = ""] = await program.line(/^{.*}$/);
  const totals = JSON.parse(line);
  assertEquals([totals.accepted, totals.active], [21, 0]);
  assertEquals([bytes, totals.bytes], [190, 1_190]);
  const { eof, error, shutdown } = totals.closedBy;
  // A client may see its end before the server has counted it.
  assert(error >= 10, `${error} ended by the death of their worker`);
  assertEquals(eof + error + shutdown, 21);
});

test("a port that is taken is one line and 1, with workers too", async (runtime) => {
  await using program = start(runtime);
  const port = String(await program.port());
  const args = ["--workers", "2", "-p", port];
  assertEquals(await Program.run(runtime, ...args), {
    code: 1,
    stdout: "",
    stderr:
      `Cannot listen on tcp://127.0.0.1:${port}: address already in use\n`,
  });
});

testProgram("a worker's module has to be readable", async (runtime) => {
  const { code, stderr } = await Program.run(runtime, "--workers=2", "-p", "0");
  assertEquals(code, 1);
  assertMatch(stderr, /^Cannot start a worker: [^\n]*--allow-read[^\n]*\n$/);
}, [DENO]);

Deno.test("A port can be shared on Linux only", async () => {
  const { platform } = process;
  Object.defineProperty(process, "platform", { value: "darwin" });
  try {
    await assertRejects(
      () => listen({ port: 0, reusePort: true }),
      Error,
      "Cannot listen on tcp://127.0.0.1:0: only Linux can share a port, and this is darwin",
    );
  } finally {
    Object.defineProperty(process, "platform", { value: platform });
  }
});
