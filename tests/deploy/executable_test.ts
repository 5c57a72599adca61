import manifest from "../../package.json" with { type: "json" };
import { adminOf } from "../helpers/admin.ts";
import { assert, assertEquals, assertMatch } from "../helpers/assert.ts";
import { TemporaryDirectory } from "../helpers/certificates.ts";
import { Client, pattern } from "../helpers/client.ts";
import { Program } from "../helpers/program.ts";
import { RUNTIMES } from "../helpers/runtimes.ts";

const [, , BUN] = RUNTIMES;
/** What `deno task compile:bun` says to Bun. */
const BUILD = manifest.scripts.compile.replace(/^bun /, "").replaceAll("'", "");

Deno.test({
  name: `The executable of Bun${BUN.command === "" ? " (without Bun)" : ""}`,
  ignore: BUN.command === "",
  async fn(t) {
    using directory = new TemporaryDirectory();
    const executable = directory.file("executable");
    const args = [...BUILD.split(" "), "--outfile", executable];
    const build = await new Program(BUN.command, args).ended();
    assertEquals(build.code, 0, build.stdout + build.stderr);
    const start = (...args: string[]) => new Program(executable, args);

    await t.step("says its version, whatever lies in the folder", async () => {
      const write = (name: string, text: string) =>
        Deno.writeTextFile(directory.file(name), text);
      await write("bunfig.toml", 'preload = ["./preload.ts"]');
      await write("preload.ts", "console.log(process.env.VARIABLE)");
      await write(".env", "VARIABLE=value");
      const { code, stdout } = await new Deno.Command(executable, {
        args: ["--version"],
        cwd: directory.file("."),
      }).output();
      const text = new TextDecoder().decode(stdout);
      assertEquals(code, 0);
      assertMatch(text, /^echod \d+\.\d+\.\d+ \(bun [\d.]+\)\n$/);
    });

    for (const workers of [[], ["--workers", "2"]]) {
      const name = ["echoes, loads and drains", ...workers].join(" ");
      await t.step(name, async () => {
        const admin = ["--admin", "127.0.0.1:0"];
        await using server = start("-p", "0", ...admin, ...workers);
        const port = await server.port();
        await using client = await Client.connect(port);
        assertEquals(await client.echo(pattern(100_000)), pattern(100_000));

        const url = await adminOf(server);
        const page = await fetch(url);
        assertEquals(page.status, 200);
        assertMatch(await page.text(), /<script/);

        const endpoint = `tcp://127.0.0.1:${port}`;
        const load = ["bench", "-c", "4", "-n", "1000", ...workers, endpoint];
        await using bench = start(...load);
        const { code, stdout, stderr } = await bench.ended();
        assertEquals([code, stderr], [0, ""]);
        assertMatch(stdout, /^No errors: /m);

        server.signal("SIGTERM");
        await server.line(/^Draining 1 connection/);
        client.end();
        assertEquals((await server.ended()).code, 0);
        const last = server.lines.at(-1) ?? "";
        assert(last.startsWith("Server terminated: 5 connections"), last);
      });
    }
  },
});
