import { assert, assertEquals } from "./assert.ts";
import { Client, pattern } from "./client.ts";
import { Program, testProgram as test } from "./program.ts";
import { type Runtime, RUNTIMES } from "./runtimes.ts";

const [DENO] = RUNTIMES;

/** Starts the program with room for few connections. */
function startShortOfDescriptors({ command, args }: Runtime): Program {
  return new Program("bash", [
    "-c",
    `ulimit -n 64; exec "$0" "$@" mod.ts -p 0`,
    command,
    ...args,
  ]);
}

test(
  "no descriptor is left: service resumes when there is one",
  async (runtime) => {
    await using program = startShortOfDescriptors(runtime);
    const port = await program.port();
    const tooMany = (lines: string[]) =>
      lines.filter((line) => line.startsWith("Cannot accept connections"));

    const clients = await Promise.all(
      Array.from({ length: 100 }, () => Client.connect(port)),
    );
    await program.line(
      /^Cannot accept connections for now: Too many open files/,
    );
    // Those who have been accepted are served all the same.
    const [first, ...others] = clients;
    assert(first);
    assertEquals(await first.echo(pattern(9)), pattern(9));
    // One goes, and one more comes in; the shortage is the same.
    first.end();
    assertEquals(await first.receive(), null);
    const waiting = others.map(async (client) => {
      assertEquals(await client.echo(pattern(9)), pattern(9));
      client.end();
      assertEquals(await client.receive(), null);
    });
    await Promise.all(waiting);
    for (const client of clients) await client[Symbol.asyncDispose]();
    assertEquals(tooMany(program.lines).length, 1);

    await using next = await Client.connect(port);
    assertEquals(await next.echo(pattern(9)), pattern(9));
    program.signal("SIGTERM");
    next.end();
    assertEquals((await program.ended()).code, 0);
  },
  [DENO],
);

test("ten thousand connections one after another leave nothing behind", async (runtime) => {
  await using program = Program.start(
    runtime,
    "--log-format",
    "json",
    "-p",
    "0",
  );
  const port = await program.port();
  let bytes = 0;
  const churn = async (count: number) => {
    for (let i = 0; i < count; i++) {
      await using client = await Client.connect(port);
      if (i % 3 === 0) {
        await client.reset();
      } else {
        assertEquals(await client.echo(pattern(64)), pattern(64));
        bytes += 64;
      }
    }
  };
  const before = await program.descriptors();
  await Promise.all(Array.from({ length: 10 }, () => churn(1_000)));
  await using last = await Client.connect(port);
  assertEquals(await last.echo(pattern(64)), pattern(64));
  program.signal("SIGTERM");
  await program.line(/"drain","connections":1,/);
  // The listener goes, and this connection is there: nothing says when the
  // system has closed the last descriptor, but a leak would be there for ever.
  while (await program.descriptors() !== before);
  last.end();
  await program.line(RegExp(`"terminated",.*"bytes":${bytes + 64},`));
});
