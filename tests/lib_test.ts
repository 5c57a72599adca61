import * as program from "../mod.ts";
import * as library from "../src/lib.ts";
import { assert, assertEquals } from "./helpers/assert.ts";
import { TemporaryDirectory } from "./helpers/certificates.ts";
import { Program, testProgram } from "./helpers/program.ts";
import { RUNTIMES } from "./helpers/runtimes.ts";

const [, NODE] = RUNTIMES;

Deno.test("mod.ts exports what the library does", () => {
  assertEquals({ ...program }, { ...library });
});

const LIB = new URL("../src/lib.ts", import.meta.url);

/** An application: it serves for a moment, and says so. */
const APPLICATION = `
async function main() {
  const server = serve(await listen({ port: 0 }));
  console.log("application", server.stats().accepted);
  await server.shutdown({ grace: 0 });
}
main();
`;

testProgram(
  "require() gives the library, and starts nothing",
  async (runtime) => {
    using directory = new TemporaryDirectory();
    const file = directory.file("application.cjs");
    await Deno.writeTextFile(
      file,
      `const { listen, serve } = require(${JSON.stringify(LIB.pathname)});
    ${APPLICATION}`,
    );
    const args = runtime.args.map((arg) => arg === "--allow-net" ? "-A" : arg);
    await using program = new Program(runtime.command, [...args, file]);
    const { code, stdout, stderr } = await program.ended();
    assertEquals([code, stdout, stderr], [0, "application 0\n", ""]);
  },
);

testProgram(
  "unref() lets a program end that listens",
  async (runtime) => {
    using directory = new TemporaryDirectory();
    const file = directory.file("application.mjs");
    const path = directory.file("echod.sock");
    // On Deno a socket's pending receive cannot be unref'd.
    const udp = runtime.name === "Deno"
      ? ""
      : 'await listen({ transport: "udp", port: 0 }),';
    await Deno.writeTextFile(
      file,
      `import { listen, serve } from ${JSON.stringify(LIB.pathname)};
      const server = serve([
        await listen({ port: 0 }),
        await listen({ port: 0, resets: true }),
        ${udp}
        await listen({ transport: "unix", path: ${JSON.stringify(path)} }),
      ], { idleTimeout: 60_000 });
      server.unref();
      console.log("listening");`,
    );
    const args = runtime.args.map((arg) => arg === "--allow-net" ? "-A" : arg);
    await using program = new Program(runtime.command, [...args, file]);
    const { code, stdout, stderr } = await program.ended();
    assertEquals([code, stdout, stderr], [0, "listening\n", ""]);
  },
);

/** How each bundler makes one file of \`application.ts\`. */
const BUNDLERS: Readonly<Record<string, readonly string[]>> = {
  "esbuild@0.25": [
    "--bundle",
    "--platform=node",
    "--format=esm",
    "--outfile=bundle.mjs",
  ],
  "rolldown@1": [
    "--platform=node",
    "--format=esm",
    "--no-codeSplitting",
    "--file=bundle.mjs",
  ],
  "rollup@4": [
    "--plugin={ transform: (code) => process.getBuiltinModule('node:module')" +
    ".stripTypeScriptTypes(code) }",
    "--inlineDynamicImports",
    "--format=es",
    "--file=bundle.mjs",
  ],
};

/** npm may take its time, if it has to be asked. */
const FETCH_TIMEOUT = 300_000;

for (const [bundler, options] of Object.entries(BUNDLERS)) {
  testProgram(
    `an application bundled by ${bundler} runs, and no command line`,
    async ({ command }) => {
      using directory = new TemporaryDirectory();
      await Deno.writeTextFile(
        directory.file("application.ts"),
        `import { listen, serve } from ${JSON.stringify(LIB.pathname)};
      ${APPLICATION}`,
      );
      const bundled = await new Deno.Command("npx", {
        args: [
          "--yes",
          "--prefer-offline",
          bundler,
          "application.ts",
          ...options,
        ],
        cwd: directory.file(""),
        env: {
          PATH: `${command.replace(/[^/]*$/, "")}:${Deno.env.get("PATH")}`,
        },
      }).output();
      const log = new TextDecoder().decode(bundled.stderr);
      assert(bundled.success, log);
      const bundle = directory.file("bundle.mjs");
      assert(!(await Deno.readTextFile(bundle)).includes("Usage: echod"));
      for (const { name, command, args } of RUNTIMES) {
        await using program = new Program(command, [...args, bundle]);
        const { code, stdout, stderr } = await program.ended();
        assertEquals([code, stdout, stderr], [0, "application 0\n", ""], name);
      }
    },
    [NODE],
    FETCH_TIMEOUT,
  );
}
