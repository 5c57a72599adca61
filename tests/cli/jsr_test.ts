import {
  assert,
  assertEquals,
  assertStringIncludes,
} from "../helpers/assert.ts";
import { TemporaryDirectory } from "../helpers/certificates.ts";
import { type Answer, FakeJsr, servePackage } from "../helpers/jsr.ts";
import { Program, testProgram } from "../helpers/program.ts";
import { type Runtime, RUNTIMES } from "../helpers/runtimes.ts";

const [DENO] = RUNTIMES;

/** Reads any command line as one that asks for a free port, and says so. */
const PARSE_ARGS = `export function parseArgs() {
  console.error("read by the package");
  return { _: [], port: ["0"] };
}`;

function test(name: string, fn: () => Promise<void>): void {
  testProgram(name, fn, [DENO]);
}

/** Starts the program as a new user would, with another JSR. */
function start(jsr: string, cache: string, ...args: string[]): Program {
  return new Program(
    DENO.command,
    ["run", "--allow-net", "--no-prompt", "mod.ts", ...args],
    { JSR_URL: jsr, DENO_DIR: cache },
  );
}

function closedPort(): number {
  using listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  return listener.addr.port;
}

/** Never answers, or not to the end. */
const never = () => new Promise<Response>(() => {});
const stalled = () =>
  new Response(
    new ReadableStream({ start: (c) => c.enqueue(Uint8Array.of(123)) }),
  );

const ANSWERS: Readonly<Record<string, () => Answer | Promise<Answer>>> = {
  "answers 404": () => () => new Response(null, { status: 404 }),
  "answers 500": () => () => new Response(null, { status: 500 }),
  "answers with garbage": () => () => new Response("\0garbage{"),
  "accepts and never answers": () => never,
  "stalls in its first file": () => stalled,
  "stalls after its first file": async () => {
    const answer = await servePackage("@std/cli", "./parse-args", PARSE_ARGS);
    return (path, index) => index === 0 ? answer(path, index) : never();
  },
  "has another package by that name": () =>
    servePackage("@std/cli", "./parse-args", "export const other = 1;"),
};

for (const [what, makeAnswer] of Object.entries(ANSWERS)) {
  test(`starts, the first time and later, where JSR ${what}`, async () => {
    using cache = new TemporaryDirectory();
    await using jsr = new FakeJsr(await makeAnswer());
    for (const _time of ["first", "second"]) {
      await using program = start(jsr.url, cache.file(""), "-p0");
      // The JSR that does not answer still does not.
      assert(await program.port() > 0);
    }
    assert(jsr.asked.length > 0, "JSR was not asked");
  });
}

test("bench and workers start where JSR accepts and never answers", async () => {
  using cache = new TemporaryDirectory();
  await using jsr = new FakeJsr(never);
  const permitted: Runtime = { ...DENO, args: [...DENO.args, "--allow-read"] };
  const env = { JSR_URL: jsr.url, DENO_DIR: cache.file("") };
  const run = (...args: string[]) =>
    new Program(permitted.command, [...permitted.args, "mod.ts", ...args], env);
  await using program = run("-p0", "--workers=2");
  const endpoint = `tcp://127.0.0.1:${await program.port()}`;
  for (const workers of [1, 2]) {
    await using client = run("bench", "-n10", `--workers=${workers}`, endpoint);
    const { code, stdout } = await client.ended();
    assertEquals(code, 0, stdout);
  }
  assert(jsr.asked.length > 0, "JSR was not asked");
});

test("a start without options asks nobody", async () => {
  using cache = new TemporaryDirectory();
  await using jsr = new FakeJsr(never);
  await using program = start(jsr.url, cache.file(""), "tcp://127.0.0.1:0");
  assert(await program.port() > 0);
  assertEquals(jsr.asked, []);
});

test("--help and --version ask nobody", async () => {
  using cache = new TemporaryDirectory();
  await using jsr = new FakeJsr(never);
  for (const program of [[], ["bench"]]) {
    for (const flag of ["-h", "--help", "-V", "--version"]) {
      await using asked = start(jsr.url, cache.file(""), ...program, flag);
      const { code, stdout } = await asked.ended();
      assertEquals(code, 0);
      assert(/^(Usage: |echod )/.test(stdout), stdout);
    }
  }
  assertEquals(jsr.asked, []);
});

test("the tests do without fast-check where npm accepts and never answers", async () => {
  using cache = new TemporaryDirectory();
  await using npm = new FakeJsr(never);
  const file = "tests/properties/properties_test.ts";
  await using tests = new Program(DENO.command, ["test", "--no-prompt", file], {
    NPM_CONFIG_REGISTRY: npm.url,
    JSR_URL: npm.url,
    DENO_DIR: cache.file(""),
  });
  const { code, stdout } = await tests.ended();
  assertEquals(code, 0, stdout);
  assertStringIncludes(stdout, "properties (without fast-check) ... ignored");
});

const UNREACHABLE: Readonly<Record<string, () => string>> = {
  "refuses": () => `http://127.0.0.1:${closedPort()}/`,
  "has a name that does not resolve": () => "http://jsr.invalid/",
};

for (const [what, makeUrl] of Object.entries(UNREACHABLE)) {
  test(`starts, the first time and later, where JSR ${what}`, async () => {
    using cache = new TemporaryDirectory();
    const jsr = makeUrl();
    for (const _time of ["first", "second"]) {
      await using program = start(jsr, cache.file(""), "-p0");
      assert(await program.port() > 0);
    }
  });
}

test("@std/cli reads the command line where JSR answers, and once cached", async () => {
  using cache = new TemporaryDirectory();
  const answer = await servePackage("@std/cli", "./parse-args", PARSE_ARGS);
  let url;
  {
    await using jsr = new FakeJsr(answer);
    url = jsr.url;
    await using program = start(url, cache.file(""), "--unknown-here");
    await program.line(/^read by the package$/);
    assert(await program.port() > 0);
    assertEquals(jsr.asked.length, 3);
  }
  await using program = start(url, cache.file(""), "--unknown-here");
  assert(await program.port() > 0);
  assertEquals(program.lines[0], "read by the package");
});

testProgram("the library asks JSR for nothing", async ({ command, args }) => {
  using files = new TemporaryDirectory();
  await using jsr = new FakeJsr(never);
  const file = files.file("application.ts");
  const lib = new URL("../../src/lib.ts", import.meta.url).href;
  await Deno.writeTextFile(
    file,
    `import { listen, serve } from ${JSON.stringify(lib)};
    await using server = serve(await listen({ port: 0 }));
    console.log("served", server.stats().accepted);`,
  );
  await using program = new Program(command, [...args, file], {
    JSR_URL: jsr.url,
    DENO_DIR: files.file("cache"),
  });
  const { code, stdout } = await program.ended();
  assertEquals([code, stdout], [0, "served 0\n"]);
  assertEquals(jsr.asked, []);
}, [DENO]);
