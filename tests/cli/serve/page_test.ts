import { tmpdir } from "node:os";
import { join } from "node:path";
import { Browser, lackForBrowser } from "../../helpers/browser.ts";
import { adminOf } from "../../helpers/admin.ts";
import { assert, assertEquals, assertMatch } from "../../helpers/assert.ts";
import { Client, pattern } from "../../helpers/client.ts";
import { Program, testProgram } from "../../helpers/program.ts";
import { type Runtime, RUNTIMES } from "../../helpers/runtimes.ts";

const lacks = await lackForBrowser();
const runtimes = lacks === undefined
  ? RUNTIMES
  : RUNTIMES.map(({ name }) => ({ name, command: "", args: [], lacks }));

/** Opens an address in a new browser. */
async function look(url: string): Promise<Browser> {
  const browser = await Browser.start();
  await browser.open(url);
  return browser;
}

/** Presses the tabulator until an element has the focus. */
async function tabTo(browser: Browser, selector: string): Promise<void> {
  const is = `document.activeElement.matches(${JSON.stringify(selector)})`;
  for (let i = 0; i < 30 && !await browser.evaluate(is); i++) {
    await browser.press("Tab");
  }
  assert(await browser.evaluate(is), `${selector} has the focus`);
}

/** The program may read and write files, which Deno asks for Unix sockets. */
function withFiles({ args, ...runtime }: Runtime): Runtime {
  const more = ["--allow-read", "--allow-write"];
  return {
    ...runtime,
    args: runtime.name === "Deno" ? [...args, ...more] : args,
  };
}

testProgram("the page shows what bench does meanwhile", async (runtime) => {
  const markup = "<img src=x onerror=document.title=666>";
  const path = join(tmpdir(), `${crypto.randomUUID().slice(0, 8)}${markup}`);
  await using program = Program.start(
    withFiles(runtime),
    "--admin=:0",
    "--idle-timeout=5m",
    "tcp://127.0.0.1:0?slice=1..9",
    `unix://${path}`,
  );
  const url = await adminOf(program);
  const [, port = ""] = await program.line(/^Listening on tcp:.*:(\d+)/);
  await using page = await look(`${url}/`);
  await page.textIs("#state", /^live$/);

  // The figures are those of bench, while it runs and afterwards.
  const bench = [
    "bench",
    `tcp://127.0.0.1:${port}`,
    "-c5",
    "-r100",
    "--json",
    "--warmup=0s",
  ];
  await using load = Program.start(runtime, ...bench, "--duration=1h");
  await page.textIs("#value-connections", /^5$/);
  await page.textIs("#busy", /^5 busy connections in the last second$/);
  await page.textIs("#fair-median", /^1\.\d KiB\/s$/);
  await page.textIs("#value-bytes", /^[56]\.\d KiB\/s$/);
  assertEquals(await page.evaluate(`document.title`), "5 connections – echod");
  assertEquals(
    await page.evaluate(`document.getElementById("rows").rows.length`),
    5,
  );
  assertMatch(await page.text("#rows .remote"), /^127\.0\.0\.1:\d+$/);
  load.signal("SIGINT");
  const { stdout } = await load.ended();
  const { bytes } = JSON.parse(stdout);
  const kib = (bytes / 1024).toFixed(1);
  await page.textIs("#value-connections", /^0$/);
  await page.textIs("#busy", /^Nothing moves\.$/);
  assertEquals(
    await page.text("#endpoints tr:first-child"),
    [
      `tcp://127.0.0.1:${port}`,
      "slice=1..9",
      "0",
      "5",
      `${kib} KiB`,
    ].join(""),
  );
  assertEquals(await page.text("#limits"), "--idle-timeout5 min 0 s");
  const line =
    `document.querySelector("#chart-bytes .line0").getAttribute("d")`;
  assertMatch(
    String(await page.evaluate(line)),
    /^M[\d.]+ [\d.]+(L[\d.]+ [\d.]+)+/,
  );

  // Markup in an address is text.
  assertEquals(
    await page.text("#endpoints tr:nth-child(2) td"),
    `unix://${path}`,
  );
  assertEquals(await page.evaluate(`document.images.length`), 0);

  assertEquals(page.errors, []);
  const origins = new Set(page.requests.map((one) => new URL(one).origin));
  assertEquals([...origins].filter((one) => one !== "null"), [url]);

  // Killed, it would leave its socket behind.
  program.signal("SIGTERM");
  await program.ended();
}, runtimes);

testProgram(
  "the page by keyboard, in the dark, on a phone, and when the server goes",
  async (runtime) => {
    await using program = Program.start(runtime, "--admin=:0", "-p0");
    const url = await adminOf(program);
    const port = await program.port();
    const clients: Client[] = [];
    for (const size of [300, 200, 100]) {
      const client = await Client.connect(port);
      clients.push(client);
      await client.echo(pattern(size));
    }
    await using page = await look(`${url}/`);
    await page.textIs("#shown", /^3 of 3 shown$/);
    const ids = () =>
      page.text("#rows").then((text) => text.match(/#\d/g)?.join());
    assertEquals(await ids(), "#3,#2,#1");

    // Tab leads to the filter, and from there to the headings.
    await tabTo(page, "#filter");
    await page.type("#2");
    await page.textIs("#shown", /^1 of 1 found among 3 shown$/);
    assertEquals(await ids(), "#2");
    await page.press("Backspace");
    await page.press("Backspace");
    await tabTo(page, "[data-key=bytes]");
    await page.press("Enter");
    assertEquals(await ids(), "#1,#2,#3");
    await page.press("Enter");
    assertEquals(await ids(), "#3,#2,#1");
    const sorted = `document.querySelector("th.bytes").ariaSort`;
    assertEquals(await page.evaluate(sorted), "ascending");

    const paper = `getComputedStyle(document.body).backgroundColor`;
    const scheme = async (how: "light" | "dark") => {
      await page.show(how);
      return await page.evaluate(paper);
    };
    assertEquals(await scheme("light"), "rgb(246, 247, 249)");
    assertEquals(await scheme("dark"), "rgb(15, 20, 26)");
    await page.resize(390, 800);
    assertEquals(
      await page.evaluate(`document.documentElement.scrollWidth`),
      390,
    );

    program.signal("SIGTERM");
    await page.textIs(
      "#banner",
      /^The server is being shut down: 3 connections are/,
    );
    assertEquals(page.errors, []);
    for (const client of clients) await client[Symbol.asyncDispose]();
    await page.textIs("#banner", /^The server has gone\./);
    await page.textIs("#state", /^gone$/);
    assertEquals((await program.ended()).code, 0);
  },
  runtimes,
);
