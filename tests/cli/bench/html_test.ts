import { formatHtml } from "../../../src/cli/bench/html.ts";
import { assert, assertEquals } from "../../helpers/assert.ts";
import { RESULT } from "../../helpers/bench_result.ts";
import { Browser, lackForBrowser } from "../../helpers/browser.ts";
import { TemporaryDirectory } from "../../helpers/certificates.ts";

const WORST = "</pre><script>document.title = 'hurt'</script>'\"&";
/** Another run, with errors in it. */
const faulty = {
  ...RESULT,
  startedAt: "2026-02-03T04:05:06.789Z",
  errors: { altered: 7, failed: 1 },
  firstErrors: [
    { kind: "altered", connection: 3, offset: 4_000, count: 7 },
    { kind: "failed", connection: 9, offset: 0, count: 1, reason: WORST },
  ] as const,
};
const report = formatHtml(
  [{ name: RESULT.endpoint, results: [RESULT] }],
  ["-c", "50", "tcp://127.0.0.1:7"],
);
const comparison = formatHtml([
  { name: "a.json", results: [RESULT, RESULT, RESULT, RESULT] },
  { name: WORST, results: [faulty] },
], ["compare", "a.json", WORST]);

Deno.test("formatHtml() makes a page that asks nothing of any other place", () => {
  for (const page of [report, comparison]) {
    assert(page.startsWith("<!DOCTYPE html>\n"));
    assert(page.includes("default-src 'none'"));
    assertEquals(page.match(/\b(?:src|href|url|import|fetch)\b\s*[=(]/g), null);
    assertEquals(page.match(/<(?:script|link|img|iframe)/g), null);
  }
});

Deno.test("formatHtml() shows the command line, so that it can be typed", () => {
  assert(report.includes("<pre>echod bench -c 50 tcp://127.0.0.1:7</pre>"));
  assert(
    comparison.includes("echod bench compare a.json '&lt;/pre&gt;&lt;script"),
  );
});

const lack = await lackForBrowser();

Deno.test({
  name: `the report is shown by a browser${lack ? ` (without ${lack})` : ""}`,
  ignore: lack !== undefined,
  async fn() {
    using directory = new TemporaryDirectory();
    await using browser = await Browser.start();
    /** Opens a page, and returns what a script finds in it. */
    const look = async (page: string, script: string) => {
      const path = directory.file("report.html");
      await Deno.writeTextFile(path, page);
      await browser.open(`file://${path}`);
      return await browser.evaluate(script);
    };
    const script = `({
      title: document.title,
      headings: [...document.querySelectorAll("h2")].map((h) => h.textContent),
      charts: [...document.querySelectorAll("figure")].map((figure) => ({
        lines: figure.querySelectorAll("svg[role=img] .line").length,
        visible: [...figure.querySelectorAll("svg[role=img] .line")].every(
          (line) => line.getBBox().width + line.getBBox().height > 0),
        inside: [...figure.querySelectorAll("svg[role=img] text")].every((text) => {
          const [a, b] = [text, figure].map((x) => x.getBoundingClientRect());
          return a.left >= b.left && a.right <= b.right + 1;
        }),
      })),
      overflow: document.documentElement.scrollWidth > innerWidth,
    })`;
    const sections = [
      "Command",
      "Summary",
      "Percentiles of the latency",
      "Latency over time",
      "Messages over time",
      "Errors",
      "Messages of the connections, sorted",
    ];
    const chart = (lines: number) => ({ lines, visible: true, inside: true });
    assertEquals(await look(report, script), {
      title: "echod bench: tcp://127.0.0.1:7",
      headings: [...sections, "Report of tcp://127.0.0.1:7"],
      charts: [1, 3, 1, 1].map(chart),
      overflow: false,
    });
    assertEquals(await look(comparison, script), {
      title: "echod bench: Comparison of 2 results",
      headings: [
        ...sections,
        ...[1, 2, 3, 4].map((run) => `Report of A run ${run}`),
        "Report of B",
      ],
      charts: [5, 10, 5, 5].map(chart),
      overflow: false,
    });
    assertEquals(browser.errors, []);
    assertEquals(
      browser.requests.every((url) => url.startsWith("file://")),
      true,
    );

    const colours = async () => {
      const [back, text] = String(
        await browser.evaluate(
          `(({ backgroundColor: a, color: b }) => a + "/" + b)(getComputedStyle(document.body))`,
        ),
      ).split("/").map((colour) =>
        Math.max(...(colour.match(/\d+/g) ?? []).map(Number))
      );
      return (back ?? 0) > (text ?? 0) ? "light" : "dark";
    };
    for (const how of ["light", "dark", "print"] as const) {
      await browser.show(how);
      assertEquals(await colours(), how === "dark" ? "dark" : "light", how);
    }
    const picture = await browser.screenshot();
    assertEquals([...picture.subarray(1, 4)], [80, 78, 71]);
  },
});
