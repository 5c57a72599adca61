import { assertEquals } from "../helpers/assert.ts";
import { TemporaryDirectory } from "../helpers/certificates.ts";
import { Program, testProgram } from "../helpers/program.ts";
import { type Runtime, RUNTIMES } from "../helpers/runtimes.ts";

const [, NODE, BUN] = RUNTIMES;
const LIB = new URL("../../src/lib.ts", import.meta.url).pathname;

/** Counts what a registry of npm is asked while something runs. */
async function countRequests(
  act: (env: Record<string, string>) => Promise<void>,
): Promise<number> {
  let count = 0;
  await using registry = Deno.serve(
    { hostname: "127.0.0.1", port: 0, onListen() {} },
    () => {
      count++;
      return new Response(null, { status: 404 });
    },
  );
  const url = `http://127.0.0.1:${registry.addr.port}/`;
  await act({ BUN_CONFIG_REGISTRY: url, npm_config_registry: url });
  return count;
}

function test(
  what: string,
  act: (runtime: Runtime, env: Record<string, string>) => Promise<void>,
): void {
  testProgram(`${what} asks no registry`, async (runtime) => {
    assertEquals(await countRequests((env) => act(runtime, env)), 0);
  }, [NODE, BUN]);
}

for (const options of [[], ["--workers", "2"]]) {
  test(["the program", ...options].join(" "), async (runtime, env) => {
    const { command, args } = runtime;
    const own = [...args, "mod.ts", "-p0", ...options];
    await using program = new Program(command, own, env);
    const endpoint = `tcp://127.0.0.1:${await program.port()}`;
    const bench = [...args, "mod.ts", "bench", "-n", "10", endpoint];
    await using client = new Program(command, [...bench, ...options], env);
    assertEquals((await client.ended()).code, 0);
    program.signal("SIGTERM");
    assertEquals((await program.ended()).code, 0);
  });
}

test("a program that imports the library", async ({ command, args }, env) => {
  using files = new TemporaryDirectory();
  const file = files.file("application.ts");
  await Deno.writeTextFile(
    file,
    `import { listen, serve } from ${JSON.stringify(LIB)};
    await using server = serve(await listen({ port: 0 }));
    console.log("served", server.stats().accepted);`,
  );
  await using program = new Program(command, [...args, file], env);
  const { code, stdout } = await program.ended();
  assertEquals([code, stdout], [0, "served 0\n"]);
});
