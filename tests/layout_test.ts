import { assertEquals } from "./helpers/assert.ts";

/** The rooms of `src/`, and those whose files each may import besides its own. */
const ROOMS: Readonly<Record<string, readonly string[]>> = {
  core: [],
  runtimes: ["core"],
  faults: ["core"],
  listen: ["core", "runtimes", "faults"],
  admin: ["core"],
  bench: ["core", "listen", "runtimes"],
  cli: ["core", "listen", "runtimes", "faults", "admin", "bench"],
};
const ROOT = new URL("../src/", import.meta.url);
const TESTS = new URL("./", import.meta.url);
const { state } = await Deno.permissions.query({ name: "read" });
const ignore = state !== "granted";

Deno.test({ name: "imports point down the rooms", ignore }, async () => {
  const wrong = [];
  for (const [from, imports] of await readImports()) {
    for (const to of imports) {
      const [room, other] = [roomOf(from), roomOf(to)];
      if (room === other || ROOMS[room]?.includes(other)) continue;
      // The public modules, in no room, may import from all.
      if (room !== "") wrong.push(`${from} imports ${to}`);
    }
  }
  assertEquals(wrong, []);
});

Deno.test({ name: "no imports go round in circles", ignore }, async () => {
  const imports = await readImports();
  const done = new Set<string>();
  const visit = (path: string, way: readonly string[]): void => {
    if (way.includes(path)) throw new Error([...way, path].join(" -> "));
    if (done.has(path)) return;
    for (const next of imports.get(path) ?? []) visit(next, [...way, path]);
    done.add(path);
  };
  for (const path of imports.keys()) visit(path, []);
});

Deno.test({ name: "every file of src/ is in a room", ignore }, async () => {
  const rooms = new Set((await readImports()).keys().map(roomOf));
  rooms.delete("");
  assertEquals([...rooms].sort(), Object.keys(ROOMS).sort());
});

Deno.test({ name: "deno test runs every test file once", ignore }, async () => {
  const imported: string[] = [];
  const paths: string[] = [];
  for await (const path of walk(TESTS)) {
    if (!path.endsWith("_test.ts")) continue;
    if (path.includes("/")) paths.push(path);
    else imported.push(...await readImportsOf(path, TESTS));
  }
  const tests = imported.filter((path) => path.endsWith("_test.ts"));
  assertEquals(tests.sort(), paths.sort());
});

/** The room that a path is in; empty for a public module, which is in none. */
function roomOf(path: string): string {
  const [room = "", ...rest] = path.split("/");
  return rest.length > 0 ? room : "";
}

/** What each file of `src/` imports from there, by path. */
async function readImports(): Promise<Map<string, string[]>> {
  const imports = new Map<string, string[]>();
  for await (const path of walk(ROOT)) {
    if (path.endsWith(".ts")) {
      imports.set(path, await readImportsOf(path, ROOT));
    }
  }
  return imports;
}

/** The paths of all files in a directory, from there. */
async function* walk(root: URL, directory = ""): AsyncGenerator<string> {
  for await (
    const { name, isDirectory } of Deno.readDir(new URL(`./${directory}`, root))
  ) {
    const path = `${directory}${name}`;
    if (isDirectory) yield* walk(root, `${path}/`);
    else yield path;
  }
}

/** The paths that a file imports, from the directory that its own is given from. */
async function readImportsOf(path: string, root: URL): Promise<string[]> {
  const url = new URL(path, root);
  const text = await Deno.readTextFile(url);
  const found = text.matchAll(/(?:\bfrom|\bimport\(?)\s*"(\.[^"]+\.ts)"/g);
  return Array.from(
    found,
    ([, to = ""]) => new URL(to, url).href.slice(root.href.length),
  );
}
