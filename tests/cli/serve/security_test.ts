import { assert, assertEquals } from "../../helpers/assert.ts";
import { Client, pattern } from "../../helpers/client.ts";
import { Program, testProgram as test } from "../../helpers/program.ts";
import { RUNTIMES } from "../../helpers/runtimes.ts";

const [DENO] = RUNTIMES;

/** What would break lines, colour or clear a terminal, or end a JSON string. */
const BYTES = '\n"}\r\x1b[2J\x1b]0;SECRET\x07\u2028\0SECRET\n';

for (const format of ["text", "json"]) {
  test(`no line of a ${format} log has bytes of a client`, async (runtime) => {
    await using program = Program.start(
      runtime,
      `--log-format=${format}`,
      "--max-bytes=1KiB",
      "-v",
      "-p0",
    );
    const port = await program.port();
    const ways: ((client: Client) => unknown)[] = [
      (client) => client.end(),
      (client) => client.reset(),
      (client) => client.send(BYTES.repeat(100)),
    ];
    for (const [index, leave] of ways.entries()) {
      await using client = await Client.connect(port);
      await client.send(BYTES);
      await client.receiveExactly(new TextEncoder().encode(BYTES).length);
      await leave(client);
      await program.line(
        format === "json"
          ? RegExp(`"close","id":${index + 1}`)
          : RegExp(`^#${index + 1} .* closed`),
      );
    }
    program.signal("SIGTERM");
    const { code, stdout, stderr } = await program.ended();
    assertEquals([code, stdout], [0, ""]);
    assert(!stderr.includes("SECRET"));
    assert(/^[\x20-\x7e\n]*$/.test(stderr), stderr);
    assertEquals(program.lines.length, 2 * ways.length + 2);
  });
}

test("needs permission for its own address only", async () => {
  const limits = ["--allow=127.0.0.1", "--max-per-host=1", "--idle-timeout=1m"];
  for (const options of [[], ["-v", "--log-format=json", ...limits]]) {
    await using program = new Program(DENO.command, [
      "run",
      "--quiet",
      "--no-prompt",
      "--allow-net=127.0.0.1",
      "mod.ts",
      "-p0",
      ...options,
    ]);
    await using client = await Client.connect(await program.port());
    assertEquals(await client.echo(pattern(1)), pattern(1));
  }
}, [DENO]);
