import { readBenchArgs } from "../../src/cli/bench/settings.ts";
import { loadBuiltin } from "../../src/cli/parse_args.ts";
import { readArgs } from "../../src/cli/serve/settings.ts";
import { assert, assertEquals } from "../helpers/assert.ts";

const ROOT = new URL("../../", import.meta.url);
const { state } = await Deno.permissions.query({ name: "read", path: ROOT });
const ignore = state !== "granted";
const read = (path: string) => Deno.readTextFile(new URL(path, ROOT));

Deno.test({ name: "links and anchors lead somewhere", ignore }, async () => {
  const wrong: string[] = [];
  for (const page of await listPages()) {
    for (const link of linksOf(await read(page))) {
      const { href, hash, protocol } = new URL(link, new URL(page, ROOT));
      if (protocol !== ROOT.protocol) continue;
      const target = href.slice(0, href.length - hash.length);
      if (!await exists(target)) {
        wrong.push(`${page}: no file ${link}`);
      } else if (hash && !anchorsOf(await read(target)).has(hash.slice(1))) {
        wrong.push(`${page}: no heading ${link}`);
      }
    }
  }
  assertEquals(wrong, []);
});

Deno.test({ name: "the README leads to every page", ignore }, async () => {
  const links = new Set(linksOf(await read("README.md")));
  const pages = (await listPages()).filter((page) => page !== "README.md");
  assertEquals(pages.filter((page) => !links.has(page)), []);
});

Deno.test({ name: "the README has 200 lines at most", ignore }, async () => {
  const lines = (await read("README.md")).split("\n").length - 1;
  assert(lines <= 200, `It has ${lines}`);
});

Deno.test({ name: "no page says a paragraph twice", ignore }, async () => {
  for (const page of await listPages()) {
    const paragraphs = (await read(page)).split(/\n{2,}/);
    // Short ones, such as a command, may well come again.
    const long = paragraphs.filter((one) => one.length > 100);
    const twice = long.filter((one, index) => long.indexOf(one) < index);
    assertEquals(twice, [], page);
  }
});

Deno.test({ name: "no table has more than six columns", ignore }, async () => {
  for (const page of await listPages()) {
    for (const [row] of (await read(page)).matchAll(/^\|.*\|$/gm)) {
      const columns = row.replaceAll("\\|", "").split("|").length - 2;
      assert(columns <= 6, `${page} has ${columns} columns: ${row}`);
    }
  }
});

for (
  const [program, help, page] of [
    ["echod", "src/cli/serve/settings.ts", "docs/options.md"],
    ["bench", "src/cli/bench/settings.ts", "docs/bench.md"],
  ] as const
) {
  const name = `${page} has the options of ${program} --help, and no others`;
  Deno.test({ name, ignore }, async () => {
    const shown = optionsOf(
      await read(help),
      /^ {2}(?: {4}|-\w, )--([\w-]+)/gm,
    );
    const documented = optionsOf(
      await read(page),
      /^\| `(?:-\w, )?--([\w-]+)/gm,
    );
    assert(shown.length > 10, `${help} shows ${shown.length} options`);
    assertEquals(documented, shown);
  });
}

Deno.test({ name: "the README's commands are accepted", ignore }, async () => {
  const text = (await read("README.md")).replaceAll("\\\n", "");
  const commands = [...text.matchAll(/^(?:\$ )?deno run .*\bmod\.ts\b(.*)$/gm)];
  assert(commands.length >= 6, `It has ${commands.length}`);
  for (const [, line = ""] of commands) {
    const args = [...line.replace(/ &$/, "").matchAll(/'([^']*)'|\S+/g)]
      .map(([word, quoted = word]) => quoted);
    if (args[0] === "bench") await readBenchArgs(args.slice(1), loadBuiltin);
    else await readArgs(args, loadBuiltin);
  }
});

Deno.test({ name: "the tasks that pages name exist", ignore }, async () => {
  const config = await read("deno.json");
  for (const page of await listPages()) {
    const tasks = (await read(page)).matchAll(/\bdeno task ([\w:-]+)/g);
    for (const [, task = ""] of tasks) {
      assert(config.includes(`"${task}": "`), `${page}: no task ${task}`);
    }
  }
});

Deno.test("anchors are those that GitHub makes", () => {
  const text = "# All, `the` _cores_\n## A\n```\n# no\n```\n## A\n";
  assertEquals([...anchorsOf(text)], ["all-the-cores", "a", "a-1"]);
});

/** The pages at the root and in `docs/`, by path. */
async function listPages(): Promise<string[]> {
  const pages: string[] = [];
  for (const folder of ["", "docs/"]) {
    for await (const { name } of Deno.readDir(new URL(folder, ROOT))) {
      if (name.endsWith(".md")) pages.push(folder + name);
    }
  }
  return pages.sort();
}

/** What a page links to: its links, and the sources of its pictures. */
function linksOf(text: string): string[] {
  const links = /\]\(([^)\s]+)\)|\b(?:src|srcset|href)="([^"]+)"/g;
  return [...withoutCode(text).matchAll(links)]
    .map(([, link, source]) => link ?? source ?? "");
}

/** The anchors that GitHub gives to the headings of a page. */
function anchorsOf(text: string): Set<string> {
  const anchors = new Set<string>();
  for (const [, heading = ""] of withoutFences(text).matchAll(/^#+ (.+)$/gm)) {
    const anchor = heading.toLowerCase().replace(/\b_|_\b/g, "")
      .replace(/[^\p{L}\p{N}\s_-]/gu, "").replaceAll(" ", "-");
    let unique = anchor;
    for (let n = 1; anchors.has(unique); n++) unique = `${anchor}-${n}`;
    anchors.add(unique);
  }
  return anchors;
}

function withoutFences(text: string): string {
  return text.replace(/^ *```[^]*?^ *```$/gm, "");
}

function withoutCode(text: string): string {
  return withoutFences(text).replace(/(?<!\[)`[^`]*`(?!\])/g, "");
}

function optionsOf(text: string, pattern: RegExp): string[] {
  return [...new Set([...text.matchAll(pattern)].map(([, name = ""]) => name))]
    .sort();
}

async function exists(path: string): Promise<boolean> {
  try {
    await Deno.stat(new URL(path, ROOT));
    return true;
  } catch {
    return false;
  }
}
