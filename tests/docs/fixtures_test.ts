import { assertEquals, assertMatch } from "../helpers/assert.ts";
import {
  makeCertificate,
  TemporaryDirectory,
} from "../helpers/certificates.ts";
import { testProgram } from "../helpers/program.ts";
import { needing, type Runtime, RUNTIMES } from "../helpers/runtimes.ts";

const ROOT = new URL("../../", import.meta.url).pathname;

/** The test runner of each runtime, and its fixture. */
const RUNNERS: Readonly<Record<string, readonly string[]>> = {
  Deno: ["test", "-A", "--no-check", `--config=${ROOT}deno.json`, "deno.ts"],
  Node: ["--test", "node.test.mjs"],
  Bun: ["test", "bun.test.mjs"],
};

testProgram(
  "the fixture of the library's page passes under its test runner",
  async ({ name, command }: Runtime) => {
    using directory = new TemporaryDirectory();
    await copyFixtures(directory);
    const { code, stdout, stderr } = await new Deno.Command(command, {
      args: [...RUNNERS[name] ?? []],
      cwd: directory.file(""),
      env: { NO_COLOR: "1" },
    }).output();
    const output = [stdout, stderr].map(textOf).join("");
    assertEquals(code, 0, output);
    assertMatch(output, /^ok \| [5-9] passed|^ℹ pass [5-9]$|^ [5-9] pass$/m);
  },
  needing(["openssl"], RUNTIMES),
);

function textOf(bytes: Uint8Array): string {
  return new TextDecoder().decode(bytes);
}

/** Copies the fixtures to where `echod` is the library, and a certificate is beside them. */
async function copyFixtures(directory: TemporaryDirectory): Promise<void> {
  for await (const { name } of Deno.readDir(`${ROOT}docs/fixtures`)) {
    await Deno.copyFile(`${ROOT}docs/fixtures/${name}`, directory.file(name));
  }
  makeCertificate(directory.file("cert.pem"), directory.file("key.pem"));
  const dependency = directory.file("node_modules/echod");
  await Deno.mkdir(dependency, { recursive: true });
  await Deno.writeTextFile(
    `${dependency}/package.json`,
    JSON.stringify({ name: "echod", type: "module", exports: "./lib.js" }),
  );
  await Deno.writeTextFile(
    `${dependency}/lib.js`,
    `export * from "file://${ROOT}src/lib.ts";\n`,
  );
}
