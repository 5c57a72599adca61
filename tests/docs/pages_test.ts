import { BENCH_HELP } from "../../src/cli/bench/settings.ts";
import { HELP } from "../../src/cli/serve/settings.ts";
import { assert, assertEquals } from "../helpers/assert.ts";

const ROOT = new URL("../../", import.meta.url);
const { state } = await Deno.permissions.query({ name: "read", path: ROOT });

function test(name: string, fn: () => Promise<void>): void {
  Deno.test({ name, ignore: state !== "granted", fn });
}

/** The pages, by their paths. */
async function readPages(): Promise<Map<string, string>> {
  const paths = ["README.md", "SECURITY.md", "CHANGELOG.md"];
  for await (const { name } of Deno.readDir(new URL("docs/", ROOT))) {
    if (name.endsWith(".md")) paths.push(`docs/${name}`);
  }
  const texts = paths.map(async (path) =>
    [path, await Deno.readTextFile(new URL(path, ROOT))] as const
  );
  return new Map(await Promise.all(texts));
}

/** The anchors of a page's headings, as GitHub makes them. */
function anchorsOf(page: string): string[] {
  return Array.from(
    page.matchAll(/^#+ (.*)$/gm),
    ([, heading = ""]) =>
      heading.toLowerCase().replace(/[^\p{L}\p{N} _-]/gu, "").replaceAll(
        " ",
        "-",
      ),
  );
}

/** Where a page's links and pictures lead to, without those that leave. */
function linksOf(page: string): string[] {
  const prose = page.replace(/^```.*?^```/gms, "");
  const markdown = prose.matchAll(/\]\(([^)\s]+)\)/g);
  const html = prose.matchAll(/(?:src|srcset|href)="([^"]+)"/g);
  return [...markdown, ...html].flatMap(([, link = ""]) =>
    /^\w+:/.test(link) ? [] : link
  );
}

test("every link leads to a file, and every anchor to a heading", async () => {
  const pages = await readPages();
  const broken = [];
  let count = 0;
  for (const [path, page] of pages) {
    for (const link of linksOf(page)) {
      count++;
      const [file = "", anchor] = link.split("#");
      const url = file === ""
        ? new URL(path, ROOT)
        : new URL(file, new URL(path, ROOT));
      const isThere = await Deno.stat(url).then(() => true, () => false);
      const target = pages.get(url.href.slice(ROOT.href.length)) ?? "";
      if (!isThere || anchor && !anchorsOf(target).includes(anchor)) {
        broken.push(`${path}: ${link}`);
      }
    }
  }
  assertEquals(broken, []);
  assert(count > 20, `found only ${count} links`);
});

test("every page is reached from the README", async () => {
  const pages = await readPages();
  const reached = new Set(linksOf(pages.get("README.md") ?? ""));
  const missing = [...pages.keys()].filter((path) =>
    path !== "README.md" && !reached.has(path)
  );
  assertEquals(missing, []);
});

test("the README has 200 lines at most", async () => {
  const readme = (await readPages()).get("README.md") ?? "";
  assert(readme.split("\n").length <= 200);
});

test("no table is wider than six columns", async () => {
  for (const [path, page] of await readPages()) {
    for (const [row] of page.matchAll(/^\|.*\|$/gm)) {
      const columns = row.replaceAll("\\|", "").split("|").length - 2;
      assert(columns <= 6, `${path}: ${row}`);
    }
  }
});

for (
  const [path, help] of [["docs/options.md", HELP], [
    "docs/bench.md",
    BENCH_HELP,
  ]] as const
) {
  test(`${path} has every option of the help, and no other`, async () => {
    const page = (await readPages()).get(path) ?? "";
    const optionsIn = (text: string) =>
      Array.from(text.matchAll(/^.{0,8}?(--[a-z][\w-]*)/gm), ([, name]) => name)
        .sort();
    const rows = page.split("\n").filter((line) => line.startsWith("| `-"));
    assertEquals(optionsIn(rows.join("\n")), optionsIn(help));
  });
}
