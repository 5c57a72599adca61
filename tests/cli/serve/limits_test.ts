import { assert, assertEquals, assertMatch } from "../../helpers/assert.ts";
import { Client, pattern } from "../../helpers/client.ts";
import { Program, testProgram as test } from "../../helpers/program.ts";
import { listeningPort } from "../../helpers/sockets.ts";

/** Whether a client is closed without an echo. */
async function isRefused(port: number, host = "127.0.0.1"): Promise<boolean> {
  await using client = await Client.connect(port, host);
  return await client.echo(pattern(1)).then(() => false, () => true);
}

test("--max-per-host closes a host's surplus, and counts it", async (runtime) => {
  await using program = Program.start(
    runtime,
    "--max-per-host=2",
    "-H::",
    "-v",
    "-p0",
    "--log-format=json",
  );
  const port = await program.port();
  {
    await using first = await Client.connect(port);
    await using second = await Client.connect(port);
    for (const client of [first, second]) await client.echo(pattern(1));
    assert(await isRefused(port));
    assert(!await isRefused(port, "::1"), "another host");
    await program.line(/"refused",.*"reason":"per-host"/);
    assertEquals(await first.echo(pattern(9)), pattern(9));
    first.end();
    assertEquals(await first.receive(), null);
    // Node accepts from several sockets, so either may have been the first.
    await program.line(/"event":"close","id":[12],/);
    assert(!await isRefused(port), "one has gone");
  }
  program.signal("SIGTERM");
  assertEquals((await program.ended()).code, 0);
  const { connections, refused, failed } = JSON.parse(
    program.lines.at(-1) ?? "",
  );
  assertEquals([connections, refused, failed], [4, 1, 0]);
});

test("--allow and --deny close the others before a byte is read", async (runtime) => {
  await using program = Program.start(
    runtime,
    "--allow=127.0.0.0/8",
    "--deny=127.0.0.0/16",
    "--allow=127.0.0.1",
    "-H::",
    "-v",
    "-p0",
  );
  const port = await program.port();
  // Not even a client that sends gets an answer, nor a line that it was there.
  assert(await isRefused(port, "::1"));
  await program.line(/^\[::1\]:\d+ refused \(denied\)$/);
  assert(!await isRefused(port, "127.0.0.1"), "the most specific one decides");
  program.signal("SIGTERM");
  assertEquals((await program.ended()).code, 0);
  assertMatch(
    program.lines.at(-1) ?? "",
    /^Server terminated: 1 connection, 1 refused, 1 B echoed/,
  );
});

test("clients that are refused and stay leave no descriptor behind", async (runtime) => {
  await using program = Program.start(runtime, "--deny=::/0", "-H::", "-p0");
  const port = await program.port();
  await using other = await Client.connect(port);
  await other.echo(pattern(1));
  const before = await program.descriptors();
  const clients = await Promise.all(
    Array.from({ length: 100 }, () => Client.connect(port, "::1")),
  );
  for (const client of clients) assertEquals(await client.receive(), null);
  await other.echo(pattern(1));
  while (await program.descriptors() > before);
  for (const client of clients) await client[Symbol.asyncDispose]();
});

test("--max-lifetime closes a connection that is busy", async (runtime) => {
  await using program = Program.start(
    runtime,
    "--max-lifetime=500ms",
    "-v",
    "-p0",
  );
  await using client = await Client.connect(await program.port());
  let echoed = 0;
  while (await client.echo(pattern(1)).catch(() => undefined)) echoed++;
  assert(echoed > 0);
  client.end();
  await program.line(/^#1 .* closed \(lifetime\): .* echoed in \d+ ms$/);
});

test("--max-bytes closes a connection that has echoed so much", async (runtime) => {
  await using program = Program.start(runtime, "--max-bytes=1KiB", "-v", "-p0");
  await using client = await Client.connect(await program.port());
  for (let i = 0; i < 3; i++) {
    assertEquals(await client.echo(pattern(256)), pattern(256));
  }
  await client.send(pattern(256));
  assertEquals(await client.receivePattern(), 256);
  await program.line(/^#1 .* closed \(limit\): 1\.0 KiB echoed/);
});

test("--max-bytes gives a client that sends more all that the log counts", async (runtime) => {
  await using program = Program.start(
    runtime,
    "--max-bytes=64KiB",
    "--log-format=json",
    "-v",
    "-p0",
  );
  await using client = await Client.connect(await program.port());
  await client.send(pattern(200_000));
  const received = await client.receivePattern();
  client.end();
  const { input } = await program.line(/"close"/);
  const { bytes, reason } = JSON.parse(input);
  assertEquals([bytes, reason], [received, "limit"]);
  assert(received >= 64 * 1024);
});

test("--max-bytes goes beyond by one read at most", async (runtime) => {
  await using program = Program.start(runtime, "--max-bytes=1MiB", "-v", "-p0");
  await using client = await Client.connect(await program.port());
  const sending = client.send(new Uint8Array(8 * 1024 * 1024)).catch(() => {});
  while (await client.receive().catch(() => null));
  await sending;
  const [, size] = await program.line(
    /^#1 .* closed \(limit\): (1\.\d) MiB echoed/,
  );
  assert(Number(size) <= 1.5);
});

test("says so when it serves strangers without a limit", async (runtime) => {
  const start = (...args: string[]) =>
    Program.start(runtime, "-H0.0.0.0", "-p0", ...args);
  const warning =
    /^Anybody who can reach tcp:\/\/0\.0\.0\.0:\d+ is served without a limit: see --max-connections, --max-per-host,/;
  {
    await using program = start();
    await program.line(warning);
    assertMatch(program.lines[0] ?? "", /^Listening on/);
  }
  for (const args of [["--quiet"], ["-c10"], ["--deny=192.0.2.0/24"]]) {
    await using program = start(...args);
    await using client = await Client.connect(await listeningPort(program.pid));
    await client.echo(pattern(1));
    program.signal("SIGTERM");
    client.end();
    const { code, stderr } = await program.ended();
    assertEquals(code, 0);
    assert(!stderr.includes("without a limit"), stderr);
  }
});
