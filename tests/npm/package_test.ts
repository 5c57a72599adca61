import { within } from "../../src/runtimes/timeout.ts";
import { assert, assertEquals, assertMatch } from "../helpers/assert.ts";
import { TemporaryDirectory } from "../helpers/certificates.ts";
import { Client, pattern } from "../helpers/client.ts";
import { type Ended, Program } from "../helpers/program.ts";
import { fetchRuntime, type Runtime, RUNTIMES } from "../helpers/runtimes.ts";
import { FULL, report } from "../helpers/scale.ts";

const [DENO, NODE_24, BUN] = RUNTIMES;
/** The oldest Node, and one in between. */
const OLDER = ["node@20.19", "node@22"].map((npm): Runtime => ({
  name: npm,
  command: FULL ? fetchRuntime(npm, "console.log(process.execPath)") : "",
  args: [],
}));
const NODES = [...OLDER, NODE_24].filter(({ command }) => command !== "");
/** How many starts are measured of each kind. */
const STARTS = 21;
/** How long npm may take to deliver esbuild, in milliseconds. */
const PATIENCE = 5_000;
/** Whether the package can be built. A literal specifier would be fetched first. */
const specifier = "esbuild";
const canBuild = DENO.command !== "" &&
  await within(PATIENCE, specifier, import(specifier), () => {})
    .then(() => true, () => false);

/** The library and the load client, as ES modules and by `require`. */
const APPLICATION = `
async function main() {
  const server = serve(await listen({ port: 0 }));
  const endpoint = "tcp://127.0.0.1:" + server.addr.port;
  const { messages, errors } = await bench({ endpoint, messages: 100 });
  await server.shutdown({ grace: 0 });
  console.log(messages, errors, server.stats().accepted);
}
main();
`;
const APPLICATIONS = {
  "application.mjs": `import { listen, serve } from "echod";
import { bench } from "echod/bench";
${APPLICATION}`,
  "application.cjs": `const { listen, serve } = require("echod");
const { bench } = require("echod/bench");
${APPLICATION}`,
};

/** A test that serves, for each of the programs that run tests. */
const FIXTURE = `
test("echoes", async () => {
  const server = serve(await listen({ port: 0 }), { idleTimeout: 60_000 });
  const client = connect(server.addr.port, "127.0.0.1");
  client.end("Hello World");
  let echoed = "";
  for await (const chunk of client) echoed += chunk;
  if (echoed !== "Hello World") throw new Error(echoed);
  connect(server.addr.port, "127.0.0.1").on("error", () => {});
  await server.shutdown({ grace: 0 });
});
`;
const IMPORTS = `import { connect } from "node:net";
import { listen, serve } from "echod";
`;

Deno.test({
  name: `The package for npm${canBuild ? "" : " (without esbuild)"}`,
  ignore: !canBuild || NODE_24.command === "" || BUN.command === "",
  async fn(t) {
    using directory = new TemporaryDirectory();
    const app = directory.file("app");
    await install(directory, app);
    const bin = `${app}/node_modules/echod/js/echod.js`;
    const installed = (runtime: Runtime, ...args: string[]) =>
      new Program(runtime.command, [...runtime.args, bin, ...args]);

    await t.step("installs nothing else, and runs no script", async () => {
      const modules = await list(`${app}/node_modules`);
      assertEquals(modules, [".bin", ".package-lock.json", "echod"]);
      const { scripts, dependencies, ...description } = JSON.parse(
        await Deno.readTextFile(`${app}/node_modules/echod/package.json`),
      );
      assertEquals([scripts, dependencies], [undefined, undefined]);
      assertEquals(Object.keys(description.exports), [
        ".",
        ...(await readExports()).filter((name) => name !== "."),
        "./package.json",
      ]);
    });

    for (const runtime of [...NODES, BUN, DENO]) {
      const { name } = runtime;
      await t.step(`${name}: the program is the same`, async () => {
        await using program = installed(runtime, "--version");
        const { code, stdout, stderr } = await program.ended();
        assertEquals([code, stderr], [0, ""]);
        assertMatch(stdout, /^echod \d+\.\d+\.\d+ \((node|bun|deno) /);
      });

      const permitted = { ...runtime, args: runtime.args.flatMap(permitAll) };
      const canShare = name !== "node@20.19";
      const workers = canShare ? ["--workers", "2"] : [];
      await t.step(`${name}: serves and loads, with workers`, async () => {
        await using server = installed(permitted, "-p", "0", ...workers);
        const port = await server.port();
        await using client = await Client.connect(port);
        await client.echo(pattern(100_000));
        await using bench = installed(
          permitted,
          ...["bench", "-c", "4", "-n", "1000", "--workers", "2"],
          `tcp://127.0.0.1:${port}`,
        );
        const { code, stdout, stderr } = await bench.ended();
        assertEquals(code, 0, stdout + stderr);
        assertMatch(stdout, /^No errors: /m);
        await client[Symbol.asyncDispose]();
        server.signal("SIGTERM");
        assertEquals((await server.ended()).code, 0);
      });

      for (const [file, text] of Object.entries(APPLICATIONS)) {
        await t.step(`${name}: ${file} uses the library`, async () => {
          await Deno.writeTextFile(`${app}/${file}`, text);
          await using program = new Program(permitted.command, [
            ...permitted.args,
            `${app}/${file}`,
          ]);
          const { code, stdout, stderr } = await program.ended();
          assertEquals([code, stdout, stderr], [0, "100 {} 10\n", ""]);
        });
      }
    }

    if (!FULL) return;

    await t.step("Node before 20.19 is told that it is too old", async () => {
      const command = fetchRuntime("node@18", "console.log(process.execPath)");
      await using server = new Program(command, [bin, "-p", "0"]);
      const { code, stderr } = await server.ended();
      assertEquals(code, 1);
      assertMatch(
        stderr,
        /Node 18\.\S+ is too old: 20\.19 or later is needed$/m,
      );
    });

    for (const { name, command } of OLDER) {
      await t.step(`${name}: the adapters fulfil the contracts`, async () => {
        const bundle = directory.file("contracts.mjs");
        await run(".", "npx", [
          ...["--yes", "esbuild@0.25", "tests/contracts/run_contracts.ts"],
          ...["--bundle", "--format=esm", "--platform=node"],
          ...["--target=node20.19", "--inject:deploy/npm/old_node.ts"],
          ...["--define:import.meta.main=false", `--outfile=${bundle}`],
        ]);
        const { stdout } = await ended(".", command, [
          "--test-reporter=tap",
          bundle,
        ]);
        const failed = stdout.match(/(?<=^not ok \d+ - ).*/gm) ?? [];
        // Node 20 has no sockets that share a port to accept from several at once.
        const expected = name === "node@20.19"
          ? ["tcp: Newcomers do not wait a turn of the event loop each"]
          : [];
        assertEquals(failed, expected);
        assertMatch(stdout, /^# pass \d{3}$/m);
      });
    }

    await t.step(
      "Node 20: sockets that must share a port say why not",
      async () => {
        const [oldest] = OLDER;
        assert(oldest);
        await using server = installed(oldest, "-p", "0", "--workers", "2");
        const { code, stderr } = await server.ended();
        assertEquals(code, 1);
        assertMatch(
          stderr,
          /: Node 20\.\S+ cannot share a port: 22\.12 or later is needed$/m,
        );
      },
    );

    for (const { name, command } of NODES) {
      await t.step(`${name}: npx echod`, async () => {
        const { code, stdout, stderr } = await ended(app, "npx", [
          "echod",
          "--version",
        ], { PATH: `${folderOf(command)}:${Deno.env.get("PATH")}` });
        assertEquals(code, 0, stderr);
        assertMatch(stdout, /^echod \S+ \(node /);
      });
    }

    for (const { name, command } of NODES) {
      await t.step(`${name}: starts`, async () => {
        const times = { bare: [] as number[], echod: [] as number[] };
        for (let i = 0; i < STARTS; i++) {
          times.bare.push(await timeOf(command, ["-e", "0"]));
          times.echod.push(await timeOf(command, [bin, "--version"]));
        }
        const [bare, echod] = [median(times.bare), median(times.echod)];
        report(
          `${name}: echod --version ${echod.toFixed(0)} ms, node -e 0 ` +
            `${bare.toFixed(0)} ms: ${(echod / bare).toFixed(2)} times`,
        );
      });
    }

    await run(app, "npm", [
      ...["install", "--no-audit", "--no-fund", "--silent"],
      ...["typescript@5.9", "@types/node@22", "vitest@4", "jest@30"],
    ]);

    await t.step("the sources use nothing that Node 20 lacks", async () => {
      const { stdout } = await ended(".", `${app}/node_modules/.bin/tsc`, [
        ...["--noEmit", "--target", "es2022", "--module", "nodenext"],
        ...["--lib", "es2023,esnext.disposable,dom", "--skipLibCheck"],
        ...["--resolveJsonModule", "--allowImportingTsExtensions"],
        ...["src/lib.ts", "src/bench/bench.ts", "deploy/npm/echod.ts"],
        ...["src/bench/bench_worker.ts", "src/cli/serve/serve_worker.ts"],
      ]);
      // Only what the language lacks counts, not the types of runtimes.
      const lacking = stdout.match(/^.*error TS(?:2339|2550|2551): .*$/gm) ??
        [];
      const given = /Property '(?:try|withResolvers)'/;
      assert(lacking.some((line) => given.test(line)), stdout);
      assertEquals(lacking.filter((line) => !given.test(line)), []);
    });

    await t.step("TypeScript: consumers are checked strictly", async () => {
      await writeConsumers(app);
      for (const types of [["node"], []]) {
        for (
          const [module, resolution] of [
            ["nodenext", "nodenext"],
            ["esnext", "bundler"],
          ] as const
        ) {
          await Deno.writeTextFile(
            `${app}/tsconfig.json`,
            JSON.stringify({
              compilerOptions: {
                ...{ module, moduleResolution: resolution, types },
                ...{ strict: true, skipLibCheck: false, noEmit: true },
                ...{ exactOptionalPropertyTypes: true, target: "es2022" },
                lib: types.length > 0 ? ["es2022"] : ["es2022", "dom"],
              },
              files: module === "nodenext"
                ? ["consumer.mts", "consumer.cts"]
                : ["consumer.mts"],
            }),
          );
          await run(app, "npx", ["tsc"]);
        }
      }
    });

    await Deno.writeTextFile(
      `${app}/fixture.node.mjs`,
      `import { test } from "node:test";\n${IMPORTS}${FIXTURE}`,
    );
    await Deno.writeTextFile(
      `${app}/fixture.vitest.test.mjs`,
      `import { test } from "vitest";\n${IMPORTS}${FIXTURE}`,
    );
    await Deno.writeTextFile(
      `${app}/fixture.jest.mjs`,
      `${IMPORTS}${FIXTURE}`,
    );
    await Deno.writeTextFile(
      `${app}/fixture.bun.test.mjs`,
      `import { test } from "bun:test";\n${IMPORTS}${FIXTURE}`,
    );
    await Deno.writeTextFile(
      `${app}/jest.config.json`,
      JSON.stringify({ testMatch: ["**/fixture.jest.mjs"], transform: {} }),
    );

    // Each of them waits for, or names, a handle that is left.
    for (const { name, command } of NODES) {
      await t.step(`${name}: a fixture under node --test`, async () => {
        await run(app, command, ["--test", "fixture.node.mjs"]);
      });
      await t.step(`${name}: a fixture under vitest`, async () => {
        const { code, stdout, stderr } = await ended(app, command, [
          ...["node_modules/vitest/vitest.mjs", "run"],
          ...["--reporter=default", "--reporter=hanging-process"],
          "fixture.vitest",
        ]);
        assertEquals(code, 0, stdout + stderr);
        assert(!/hanging|close timed out/i.test(stdout + stderr), stdout);
      });
      await t.step(`${name}: a fixture under jest`, async () => {
        const { code, stderr } = await ended(app, command, [
          ...["--experimental-vm-modules", "node_modules/jest/bin/jest.js"],
          ...["--detectOpenHandles", "--runInBand"],
        ]);
        assertEquals(code, 0, stderr);
        assert(!/open handle|did not exit/i.test(stderr), stderr);
      });
    }
    await t.step("a fixture under bun test", async () => {
      await run(app, BUN.command, ["test", "fixture.bun"]);
    });
  },
});

/** Builds and packs the package, and installs the tarball into an empty folder. */
async function install(
  directory: TemporaryDirectory,
  app: string,
): Promise<void> {
  const built = directory.file("built");
  await run(".", DENO.command, ["run", "-A", "deploy/npm/build.ts", built]);
  const { stdout } = await run(built, "npm", ["pack", "--silent"]);
  await Deno.mkdir(app);
  await run(app, "npm", [
    ...["install", "--offline", "--no-audit", "--no-fund", "--silent"],
    `${built}/${stdout.trim()}`,
  ]);
}

/** Writes consumers: the examples of the README, and one in CommonJS. */
async function writeConsumers(app: string): Promise<void> {
  const readme = await Deno.readTextFile(`${app}/node_modules/echod/README.md`);
  const examples = [...readme.matchAll(/^```ts\n([^]*?)^```/gm)]
    .map(([, code = ""]) => code);
  assert(examples.length > 1);
  const imports = new Set(examples.join("").match(/^import .*$/gm));
  const blocks = examples.map((code) =>
    `{${code.replace(/^import .*$/gm, "")}}`
  );
  await Deno.writeTextFile(
    `${app}/consumer.mts`,
    [...imports, ...blocks].join("\n"),
  );
  await Deno.writeTextFile(
    `${app}/consumer.cts`,
    `import { listen, serve, type EchoServer } from "echod";
import { bench, type BenchResult } from "echod/bench";
export async function use(): Promise<BenchResult> {
  const server: EchoServer = serve(await listen({ port: 0 }));
  return await bench({ endpoint: "tcp://127.0.0.1:3000", messages: 1 });
}
`,
  );
}

/** What the package exports: what the one on JSR does, but for the program. */
async function readExports(): Promise<string[]> {
  const config = JSON.parse(
    await Deno.readTextFile(new URL("../../deno.json", import.meta.url)),
  );
  return Object.keys(config.exports).filter((name) => name !== "./cli");
}

/** Also lets sockets share a port, for which `deno.json` is not there to ask. */
function permitAll(arg: string): string[] {
  return arg === "--allow-net" ? ["-A", "--unstable-net"] : [arg];
}

async function list(folder: string): Promise<string[]> {
  const entries = await Array.fromAsync(Deno.readDir(folder));
  return entries.map(({ name }) => name).sort();
}

/** How long a command takes, in milliseconds. */
async function timeOf(command: string, args: string[]): Promise<number> {
  const startedAt = performance.now();
  await run(".", command, args);
  return performance.now() - startedAt;
}

function median(values: number[]): number {
  return values.toSorted((a, b) => a - b)[values.length >> 1] ?? NaN;
}

function folderOf(file: string): string {
  return file.replace(/\/[^/]*$/, "");
}

async function run(
  folder: string,
  command: string,
  args: string[],
): Promise<Ended> {
  const result = await ended(folder, command, args);
  const { code, stdout, stderr } = result;
  assertEquals(code, 0, `${command} ${args.join(" ")}:\n${stdout}${stderr}`);
  return result;
}

async function ended(
  folder: string,
  command: string,
  args: string[],
  env: Record<string, string> = {},
): Promise<Ended> {
  const { code, stdout, stderr } = await new Deno.Command(command, {
    args,
    cwd: folder === "." ? new URL("../..", import.meta.url) : folder,
    env,
  }).output();
  const text = (bytes: Uint8Array) => new TextDecoder().decode(bytes);
  return { code, stdout: text(stdout), stderr: text(stderr) };
}
