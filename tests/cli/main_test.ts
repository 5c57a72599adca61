import { assert, assertEquals, assertMatch } from "../helpers/assert.ts";
import { Client, pattern } from "../helpers/client.ts";
import { Program, testProgram as test } from "../helpers/program.ts";
import { RUNTIMES } from "../helpers/runtimes.ts";
import config from "../../deno.json" with { type: "json" };

const [DENO] = RUNTIMES;

test("listens on the port it names, echoes, and sums up", async (runtime) => {
  await using program = Program.start(runtime, "--port", "0");
  const port = await program.port();
  assertEquals(program.lines, [`Listening on tcp://127.0.0.1:${port}`]);
  for (let i = 0; i < 2; i++) {
    await using client = await Client.connect(port);
    assertEquals(await client.echo(pattern(1_024)), pattern(1_024));
    client.end();
    assertEquals(await client.receive(), null);
  }
  program.signal("SIGTERM");
  const { code, stdout } = await program.ended();
  assertEquals([code, stdout, program.lines.length], [0, "", 2]);
  assertMatch(
    program.lines[1] ?? "",
    /^Server terminated: 2 connections, 2\.0 KiB echoed in \d+ m?s$/,
  );
});

test("writes IPv6 addresses in brackets", async (runtime) => {
  await using program = Program.start(runtime, "-H", "::1", "-p", "0");
  const [line] = await program.line(/^Listening on/);
  const port = await program.port();
  assert(line);
  assertEquals(program.lines, [`Listening on tcp://[::1]:${port}`]);
});

for (const signal of ["SIGINT", "SIGTERM"] as const) {
  test(`drains at ${signal}`, async (runtime) => {
    await using program = Program.start(runtime, "-p", "0", "--grace", "1m");
    await using client = await Client.connect(await program.port());
    await client.echo(pattern(10));
    program.signal(signal);
    await program.line(
      /^Draining 1 connection \(1 min 0 s at most; press Ctrl\+C again to stop now\)$/,
    );
    assertEquals(await client.echo(pattern(10)), pattern(10));
    client.end();
    const { code } = await program.ended();
    assertEquals(code, 0);
    assertMatch(
      program.lines.at(-1) ?? "",
      /^Server terminated: 1 connection,/,
    );
  });
}

test("closes what is left when the grace runs out, and ends with 0", async (runtime) => {
  await using program = Program.start(
    runtime,
    "-v",
    "-p",
    "0",
    "--grace",
    "50ms",
  );
  await using client = await Client.connect(await program.port());
  await client.echo(pattern(10));
  program.signal("SIGTERM");
  assertEquals(await client.receive(), null);
  assertEquals((await program.ended()).code, 0);
  await program.line(/^#1 127\.0\.0\.1:\d+ closed \(shutdown\): 10 B echoed/);
});

test("closes everything at the second signal", async (runtime) => {
  await using program = Program.start(runtime, "-p", "0", "--grace", "1h");
  await using client = await Client.connect(await program.port());
  await client.echo(pattern(10));
  program.signal("SIGINT");
  await program.line(/^Draining/);
  program.signal("SIGINT");
  assertEquals((await program.ended()).code, 0);
  assertEquals(await client.receive(), null);
});

test("--once serves one connection, then ends", async (runtime) => {
  await using program = Program.start(runtime, "--once", "-p", "0");
  const port = await program.port();
  await using client = await Client.connect(port);
  await client.echo(pattern(10));
  await Client.connect(port).then(
    () => assert(false, "it still listens"),
    () => {},
  );
  client.end();
  assertEquals((await program.ended()).code, 0);
});

test("-c 1 serves one client after another", async (runtime) => {
  await using program = Program.start(runtime, "-c", "1", "-p", "0");
  const port = await program.port();
  await using first = await Client.connect(port);
  await first.echo(pattern(1));
  await using second = await Client.connect(port);
  const echoed = second.echo(pattern(2));
  await first.echo(pattern(1));
  first.end();
  assertEquals(await echoed, pattern(2));
});

test("--idle-timeout closes an idle connection", async (runtime) => {
  await using program = Program.start(
    runtime,
    "--idle-timeout=100ms",
    "-vp",
    "0",
  );
  await using client = await Client.connect(await program.port());
  assertEquals(await client.receive(), null);
  client.end();
  await program.line(/^#1 .* closed \(idle\): 0 B echoed in \d+ ms$/);
});

test("-v tells of every connection, and how it ended", async (runtime) => {
  await using program = Program.start(runtime, "-v", "-p", "0");
  const port = await program.port();
  const client = await Client.connect(port);
  await client.echo(pattern(3));
  await client.reset();
  await program.line(/^#1 127\.0\.0\.1:\d+ opened$/);
  await program.line(
    /^#1 127\.0\.0\.1:\d+ closed \(reset\): 3 B echoed in \d+ ms$/,
  );
});

test("-q logs errors only", async (runtime) => {
  const listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const { port } = listener.addr;
  const failed = await Program.run(runtime, "-q", "-p", `${port}`);
  assertMatch(failed.stderr, /^Cannot listen on/);
  listener.close();

  await using program = Program.start(runtime, "-q", "--once", "-p", `${port}`);
  // It does not say when it listens, and who comes while Node looks whether the
  // port is free is reset.
  const byte = pattern(1);
  let client: Client | undefined;
  while (!client) {
    const next = await Client.connect(port).catch(() => undefined);
    if (await next?.echo(byte).catch(() => undefined)) client = next;
    else await next?.[Symbol.asyncDispose]();
  }
  client.end();
  const { code, stderr } = await program.ended();
  assertEquals([code, stderr], [0, ""]);
  await client[Symbol.asyncDispose]();
});

test("--log-format json writes an object a line", async (runtime) => {
  await using program = Program.start(
    runtime,
    "--log-format=json",
    "-v",
    "-p",
    "0",
  );
  const [, port] = await program.line(
    /"endpoint":"tcp:\/\/127\.0\.0\.1:(\d+)"/,
  );
  await using client = await Client.connect(Number(port));
  await client.echo(pattern(10));
  program.signal("SIGTERM");
  await program.line(/"drain"/);
  client.end();
  await program.ended();
  const events = program.lines.map((line) => JSON.parse(line));
  assertEquals(events.map(({ event }) => event), [
    "listening",
    "open",
    "drain",
    "close",
    "terminated",
  ]);
  for (const { time, level } of events) {
    assertEquals(new Date(time).toISOString(), time);
    assert(["debug", "info"].includes(level));
  }
  const [listening, open, drain, close, terminated] = events;
  assertEquals(listening.endpoint, `tcp://127.0.0.1:${port}`);
  assertMatch(open.remote, /^127\.0\.0\.1:\d+$/);
  assertEquals([drain.connections, drain.graceMs], [1, 10_000]);
  assertEquals([close.id, close.remote], [open.id, open.remote]);
  assertEquals([close.bytes, close.reason], [10, "eof"]);
  assert(Number.isInteger(close.durationMs));
  assertEquals(
    [terminated.connections, terminated.failed, terminated.bytes],
    [1, 0, 10],
  );
});

test("--help and --version are on standard output, with 0", async (runtime) => {
  for (const flag of ["-h", "--help"]) {
    const { code, stdout, stderr } = await Program.run(runtime, flag);
    assertEquals([code, stderr], [0, ""]);
    assertMatch(stdout, /^Usage: .*--max-connections N/s);
  }
  for (const args of [["-V"], ["--version"], ["bench", "-V"]]) {
    const { code, stdout, stderr } = await Program.run(runtime, ...args);
    assertEquals([code, stderr], [0, ""]);
    assertEquals(stdout.split(" ").slice(0, 2), ["echod", config.version]);
  }
});

test("wrong usage is one line and 2", async (runtime) => {
  const { code, stdout, stderr } = await Program.run(runtime, "--port", "http");
  assertEquals([code, stdout], [2, ""]);
  assertEquals(
    stderr,
    `Invalid value "http" for --port: expected a whole number from 0 to 65535\n`,
  );
});

test("what cannot be bound is one line and 1", async (runtime) => {
  await using program = Program.start(runtime, "-p", "0");
  const port = String(await program.port());
  const inUse = await Program.run(runtime, "-p", port);
  assertEquals(inUse, {
    code: 1,
    stdout: "",
    stderr:
      `Cannot listen on tcp://127.0.0.1:${port}: address already in use\n`,
  });
  const unknown = await Program.run(
    runtime,
    "-H",
    "no.such.host.invalid",
    "-p",
    "0",
  );
  assertEquals(unknown.code, 1);
  assertMatch(
    unknown.stderr,
    /^Cannot listen on tcp:\/\/no\.such\.host\.invalid:0: [^\n]+\n$/,
  );
  const json = await Program.run(runtime, "-p", port, "--log-format", "json");
  const { level, event, message } = JSON.parse(json.stderr);
  assertEquals([json.code, level, event], [1, "error", "error"]);
  assertMatch(message, /address already in use$/);
});

test(
  "a missing permission is one line that names the flag, and 1",
  async () => {
    for (const permission of [[], ["--allow-net=127.0.0.1:1"]]) {
      await using program = new Program(DENO.command, [
        "run",
        "--quiet",
        "--no-prompt",
        ...permission,
        "mod.ts",
      ]);
      const { code, stderr } = await program.ended();
      assertEquals(code, 1);
      assertMatch(stderr, /^Cannot listen on [^\n]*--allow-net[^\n]*\n$/);
    }
  },
  [DENO],
);

test("goes on when nobody can read its log any more", async (runtime) => {
  await using program = new Program("bash", [
    "-c",
    `set -o pipefail
    "$0" "$@" mod.ts --once -v -p 0 2>&1 | head -n 1 >&2`,
    runtime.command,
    ...runtime.args,
  ]);
  await using client = await Client.connect(await program.port());
  assertEquals(await client.echo(pattern(9)), pattern(9));
  client.end();
  assertEquals((await program.ended()).code, 0);
});
