/**
 * Makes the package for npm in `dist/npm`, or in the folder that is given: the
 * same sources, bundled to JavaScript for Node 20.19 or later, and their types.
 *
 * @module
 */
import * as esbuild from "esbuild";
import config from "../../deno.json" with { type: "json" };

const ROOT = new URL("../../", import.meta.url);
const SRC = new URL("src/", ROOT);
const OUT = new URL(`${Deno.args[0] ?? "dist/npm"}/`, ROOT);
/** The name on npm, instead of that on JSR. */
const NAME = "echod";
const NODE = "20.19.0";
/** What the package exports, by the name of its file; the program is its `bin`. */
const EXPORTS = Object.entries(config.exports).filter(([name]) =>
  name !== "./cli"
).map(([name, source]) => ({ name, source, file: fileOf(source) }));

await Deno.remove(OUT, { recursive: true }).catch(() => {});
await bundle();
await declare();
await describe();

/** Writes the JavaScript, with source maps. What several files need is in chunks. */
async function bundle(): Promise<void> {
  const sources = [
    "./deploy/npm/echod.ts",
    ...EXPORTS.map(({ source }) => source),
    ...config.compile.include,
  ];
  await esbuild.build({
    absWorkingDir: path(ROOT),
    entryPoints: sources.map((source) => ({ in: source, out: fileOf(source) })),
    outdir: path(new URL("js/", OUT)),
    bundle: true,
    splitting: true,
    format: "esm",
    platform: "node",
    target: `node${NODE}`,
    sourcemap: true,
    inject: ["deploy/npm/old_node.ts"],
    plugins: [
      { name: "workers", setup: findWorkers },
      { name: "config", setup: keepVersion },
    ],
  });
  await esbuild.stop();
}

/** Leads the URL of a worker's module to its file beside the chunks. */
function findWorkers({ onLoad }: esbuild.PluginBuild): void {
  onLoad({ filter: /\/src\/.*\.ts$/ }, async ({ path }) => {
    const source = await Deno.readTextFile(path);
    const contents = source.replace(/"\.\/(\w+_worker)\.ts"/, '"./$1.js"');
    return { contents, loader: "ts" };
  });
}

/** Takes nothing from `deno.json` but the version. */
function keepVersion({ onLoad }: esbuild.PluginBuild): void {
  const contents = JSON.stringify({ version: config.version });
  onLoad({ filter: /\/deno\.json$/ }, () => ({ contents, loader: "json" }));
}

/** Writes the types of what is exported, and of nothing else. */
async function declare(): Promise<void> {
  const all = await Deno.makeTempDir();
  try {
    await run(
      Deno.execPath(),
      ["run", "-A", "npm:typescript@5.9/tsc", "--noCheck", "--declaration"],
      ["--emitDeclarationOnly", "--allowImportingTsExtensions"],
      ["--target", "esnext", "--module", "nodenext", "--rootDir", path(SRC)],
      ["--outDir", all, ...EXPORTS.map(({ source }) => source)],
    );
    const reached = new Set<string>();
    const copy = async (source: string): Promise<void> => {
      if (reached.has(source)) return;
      reached.add(source);
      const types = source.replace(/\.ts$/, ".d.ts");
      const text = await Deno.readTextFile(`${all}/${types}`);
      const imports = text.matchAll(/\bfrom "(\.[^"]+\.ts)"/g);
      const target = new URL(`types/${types}`, OUT);
      await Deno.mkdir(new URL("./", target), { recursive: true });
      await Deno.writeTextFile(
        target,
        // For consumers whose own `lib` is older than `await using`.
        '/// <reference lib="esnext.disposable" />\n' +
          text.replaceAll(/(\bfrom "\.[^"]+)\.ts"/g, '$1.js"')
            .replaceAll(config.name, NAME),
      );
      const base = new URL(source, "file:///");
      for (const [, to = ""] of imports) {
        await copy(`.${new URL(to, base).pathname}`);
      }
    };
    for (const { source } of EXPORTS) await copy(source.replace("src/", ""));
  } finally {
    await Deno.remove(all, { recursive: true });
  }
}

/** Writes `package.json`, and copies the README and the licence. */
async function describe(): Promise<void> {
  const exports = EXPORTS.map(({ name, source, file }) =>
    [name, {
      types: source.replace("./src/", "./types/").replace(/\.ts$/, ".d.ts"),
      default: `./js/${file}.js`,
    }] as const
  );
  const description = {
    name: NAME,
    version: config.version,
    description: "A TCP, TLS, UDP and Unix socket echo server, as a program " +
      "and a library, and a load client that checks every byte",
    keywords: [
      "echo",
      "server",
      "tcp",
      "tls",
      "udp",
      "load",
      "test",
      "fixture",
    ],
    license: config.license,
    type: "module",
    engines: { node: `>=${NODE}` },
    bin: { [NAME]: "js/echod.js" },
    exports: {
      ...Object.fromEntries(exports),
      "./package.json": "./package.json",
    },
    sideEffects: false,
  };
  await Deno.writeTextFile(
    new URL("package.json", OUT),
    `${JSON.stringify(description, null, 2)}\n`,
  );
  await Deno.copyFile(
    new URL("README.md", import.meta.url),
    new URL("README.md", OUT),
  );
  await Deno.copyFile(new URL("LICENSE", ROOT), new URL("LICENSE", OUT));
}

/** The name of the file that is made of a source, without extension. */
function fileOf(source: string): string {
  return source.replace(/^.*\/|\.ts$/g, "");
}

function path(url: URL): string {
  return decodeURIComponent(url.pathname);
}

async function run(
  command: string,
  ...args: readonly (readonly string[])[]
): Promise<void> {
  const { success } = await new Deno.Command(command, {
    args: args.flat(),
    cwd: path(ROOT),
  }).spawn().status;
  if (!success) throw new Error(`${command} has failed`);
}
