import type { BenchResult } from "../../bench/bench.ts";
import {
  type Axis,
  COLOURS,
  drawChart,
  drawLegend,
  escape,
  type Line,
} from "./chart.ts";
import {
  compare,
  differences,
  letterOf,
  type Subject,
  verdictOf,
} from "./comparison.ts";
import {
  formatMicroseconds,
  formatNumber,
  formatPercent,
} from "./format_figures.ts";
import { formatResult } from "./report.ts";

/** The percentiles that are marked on their axis. */
const PERCENTS: readonly number[] = [
  0,
  50,
  90,
  99,
  99.9,
  99.99,
  99.999,
  99.9999,
  99.99999,
];

/** A result, and how it is drawn. */
interface Drawn {
  readonly name: string;
  /** What its lines are called in legends. */
  readonly legend: string;
  readonly result: BenchResult;
  readonly colour: number;
  readonly dash: 0 | 1 | 2;
}

/**
 * Makes a report of one or several subjects: a page that asks nothing of any other
 * place, neither a script nor a font.
 */
export function formatHtml(
  subjects: readonly Subject[],
  args: readonly string[],
): string {
  const isComparison = subjects.length > 1;
  const drawn = subjects.flatMap(({ name, results }, index) => {
    const group = isComparison ? letterOf(index) : name;
    return results.map((result, run): Drawn => {
      // The runs of one subject have colours of their own if there is no other.
      const colour = isComparison ? index : run;
      const own = results.length > 1 ? `${group} run ${run + 1}` : group;
      const dash = colour < COLOURS ? 0 : colour < 2 * COLOURS ? 1 : 2;
      const legend = isComparison ? group : own;
      return { name: own, legend, result, colour, dash };
    });
  });
  const title = isComparison
    ? `Comparison of ${subjects.length} results`
    : drawn[0]?.result.endpoint ?? "No result";
  const sections = [
    section("Command", code(["echod", "bench", ...args].map(quote).join(" "))),
    section("Summary", summaryOf(subjects)),
    section("Percentiles of the latency", curves(drawn)),
    section("Latency over time", latencies(drawn)),
    section("Messages over time", throughput(drawn)),
    section("Errors", errors(drawn)),
    section("Messages of the connections, sorted", fairness(drawn)),
    ...drawn.map(({ name, result }) =>
      section(`Report of ${name}`, code(formatResult(result)))
    ),
  ];
  return `<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'">
<meta name="color-scheme" content="light dark">
<title>echod bench: ${escape(title)}</title>
<style>
${STYLE}
</style>
</head>
<body>
<header><h1>${escape(title)}</h1>
${
    subjects.map((subject, index) =>
      `<p>${escape(originOf(subject, index))}</p>`
    )
      .join("\n")
  }
</header>
${sections.join("\n")}
</body>
</html>
`;
}

function section(title: string, content: string): string {
  return `<section><h2>${escape(title)}</h2>\n${content}\n</section>`;
}

function code(text: string): string {
  return `<pre>${escape(text.trimEnd())}</pre>`;
}

/** Says what a subject is, where it is one of several with its letter. */
function originOf({ name, results }: Subject, index: number): string {
  const [result] = results;
  if (!result) return name;
  const { endpoint, startedAt, version, runtime, address } = result;
  return [
    name === endpoint ? "" : `${letterOf(index)}: ${name}`,
    endpoint,
    address !== null && !endpoint.includes(address) ? address : "",
    startedAt.replace("T", " ").replace(/\.\d+Z$/, " UTC"),
    results.length > 1 ? `${results.length} runs` : "",
    `echod ${version} on ${runtime}`,
  ].filter((part) => part !== "").join(" · ");
}

/** Quotes an argument as a shell wants it. */
function quote(arg: string): string {
  return /^[\w@%+=:,./-]+$/.test(arg)
    ? arg
    : `'${arg.replaceAll("'", `'\\''`)}'`;
}

function summaryOf(subjects: readonly Subject[]): string {
  const rows = compare(subjects);
  const isComparison = subjects.length > 1;
  const letters = subjects.map((_, index) => letterOf(index));
  const head = isComparison
    ? ["", ...letters, ...letters.slice(1).map((letter) => `${letter}/A`)]
    : ["", "all"];
  const found = table(
    head,
    rows.map(({ name, cells, ratios, verdicts }) => [
      name,
      ...cells,
      ...ratios.map((ratio, i) =>
        `${ratio === null ? "–" : ratio.toFixed(2)} ${verdicts[i]}`.trim()
      ),
    ]),
  );
  if (!isComparison) return found;
  const remarks = [
    ...differences(subjects).map((line) => `They differ in ${line}.`),
    `${verdictOf(rows, subjects)}.`,
  ];
  return found + remarks.map((line) => `<p>${escape(line)}</p>`).join("");
}

function table(
  head: readonly string[],
  rows: readonly (readonly string[])[],
): string {
  const line = (tag: string, cells: readonly string[]) =>
    `<tr>${
      cells.map((cell) => `<${tag}>${escape(cell)}</${tag}>`).join("")
    }</tr>`;
  const body = rows.map((row) => line("td", row)).join("\n");
  return `<div class="wide"><table>\n<thead>${
    line("th", head)
  }</thead>\n<tbody>\n${body}\n</tbody></table></div>`;
}

function figure(
  title: string,
  lines: readonly Line[],
  x: Axis,
  y: Axis,
): string {
  if (lines.every(({ points }) => points.every(([, y]) => y === null))) {
    return "<p>There is nothing to show.</p>";
  }
  return `<figure>${drawLegend(lines)}${
    drawChart(title, lines, x, y)
  }</figure>`;
}

const TIME: Axis = {
  label: "",
  isLogarithmic: true,
  format: (us) =>
    formatMicroseconds(us).replace(/(\.\d*?)0+(?= )/, "$1").replace(". ", " "),
};
const SECONDS: Axis = {
  label: "seconds since counting began",
  format: (seconds) => String(Number(seconds.toPrecision(6))),
};

function curves(drawn: readonly Drawn[]): string {
  const lines = drawn.map(({ result: { curve, messages }, ...line }): Line => ({
    ...line,
    name: line.legend,
    points: curve.map(({ percent, us }) => [
      // Of the longest it is only known that no more than one is beyond it.
      percent === 100 ? Math.max(messages, 1) : 100 / (100 - percent),
      us,
    ]),
  }));
  return figure("The percentiles of the latency", lines, {
    label: "percentile",
    isLogarithmic: true,
    ticks: PERCENTS.map((percent) => 100 / (100 - percent)),
    format: (inverse) => `${Number((100 - 100 / inverse).toFixed(6))} %`,
  }, TIME);
}

function latencies(drawn: readonly Drawn[]): string {
  const figures = drawn.length > 1
    ? [["p50Us", "p50", 0], ["p99Us", "p99", 1]] as const
    : [["p50Us", "p50", 0], ["p99Us", "p99", 0], ["maxUs", "max", 0]] as const;
  const lines = drawn.flatMap(({ legend, result, colour, dash }) =>
    figures.map(([field, what, ownDash], index): Line => ({
      name: drawn.length > 1 ? `${legend}: ${what}` : what,
      colour: drawn.length > 1 ? colour : index,
      dash: drawn.length > 1 ? ownDash : dash,
      points: result.series.map((second) => [
        second.atMs / 1000,
        second[field],
      ]),
    }))
  );
  return figure("The latency over time", lines, SECONDS, TIME);
}

function throughput(drawn: readonly Drawn[]): string {
  const lines = drawn.map(({ result: { series }, ...line }): Line => ({
    ...line,
    name: line.legend,
    points: series.map(({ atMs, messages }, index) => {
      const length = atMs - (series[index - 1]?.atMs ?? 0);
      return [atMs / 1000, length > 0 ? messages / length * 1000 : null];
    }),
  }));
  return figure("The messages over time", lines, SECONDS, {
    label: "",
    format: (rate) => `${formatNumber(rate)}/s`,
  });
}

function fairness(drawn: readonly Drawn[]): string {
  const lines = drawn.map(({ result, ...line }): Line => {
    const sorted = result.perConnection.messages.toSorted((a, b) => a - b);
    return {
      ...line,
      name: line.legend,
      points: sorted.map((count, i) => [i + 1, count]),
    };
  });
  const indices = drawn.map(({ name, result: { perConnection } }) =>
    `${name} ${perConnection.jain.toFixed(4)}`
  );
  return figure("The messages of the connections, sorted", lines, {
    label: "connections, from the one with the fewest on",
    format: (count) => formatNumber(count),
  }, { label: "", format: formatNumber }) +
    `<p>${escape(`Jain's index of fairness: ${indices.join(", ")}`)}</p>`;
}

function errors(drawn: readonly Drawn[]): string {
  const faults = drawn.flatMap(({ name, result }) =>
    result.firstErrors.map(({ kind, connection, offset, reason }) => [
      name,
      kind,
      formatNumber(result.errors[kind] ?? 0),
      String(connection),
      formatNumber(offset),
      reason ?? "",
    ])
  );
  const datagrams = drawn.flatMap(({ name, result: { datagrams } }) =>
    datagrams
      ? [[
        name,
        formatNumber(datagrams.sent),
        `${formatNumber(datagrams.lost)} (${
          formatPercent(datagrams.lostPercent)
        })`,
        formatNumber(datagrams.duplicated),
        formatNumber(datagrams.reordered),
        formatMicroseconds(datagrams.jitterUs),
      ]]
      : []
  );
  return [
    faults.length === 0 ? "<p>None.</p>" : table(
      ["", "kind", "bytes or connections", "connection", "offset", "reason"],
      faults,
    ),
    datagrams.length === 0 ? "" : table(
      ["datagrams", "sent", "lost", "duplicated", "reordered", "jitter"],
      datagrams,
    ),
  ].join("\n");
}

const STYLE = `:root {
  --back: #fff; --text: #1f2328; --faint: #59636e; --grid: #d1d9e0;
  --c0: #0072b2; --c1: #d55e00; --c2: #00845f; --c3: #aa4c83; --c4: #9a6a00; --c5: #5b5bd6;
}
@media (prefers-color-scheme: dark) {
  :root {
    --back: #0d1117; --text: #e6edf3; --faint: #9198a1; --grid: #30363d;
    --c0: #58a6ff; --c1: #ff8a4c; --c2: #2bc59a; --c3: #e59ac4; --c4: #f2b63d; --c5: #a5a5ff;
  }
}
@media print {
  :root {
    --back: #fff; --text: #000; --faint: #444; --grid: #ccc;
    --c0: #0072b2; --c1: #d55e00; --c2: #00845f; --c3: #aa4c83; --c4: #9a6a00; --c5: #5b5bd6;
  }
  section { break-inside: avoid; }
}
body { background: var(--back); color: var(--text); font: 16px/1.5 system-ui, sans-serif; max-width: 60rem; margin: 0 auto; padding: 1rem; }
h1 { font-size: 1.5rem; overflow-wrap: anywhere; }
h2 { font-size: 1.1rem; margin: 2rem 0 .5rem; }
header p { color: var(--faint); margin: 0; }
pre { white-space: pre-wrap; padding: .75rem; border: 1px solid var(--grid); border-radius: 6px; font-size: .85rem; line-height: 1.4; }
.wide { overflow-x: auto; }
table { border-collapse: collapse; font-variant-numeric: tabular-nums; }
th, td { text-align: right; padding: .25rem .75rem; border-bottom: 1px solid var(--grid); white-space: nowrap; }
th:first-child, td:first-child { text-align: left; padding-left: 0; }
figure { margin: 0; }
svg { display: block; width: 100%; height: auto; }
.legend { display: flex; flex-wrap: wrap; gap: .25rem 1.25rem; list-style: none; margin: 0 0 .5rem; padding: 0; font-size: .9rem; }
.legend svg { display: inline-block; width: 28px; vertical-align: middle; }
text { font: 12px system-ui, sans-serif; fill: var(--faint); }
.grid { stroke: var(--grid); fill: none; stroke-width: .5; }
.axis { stroke: var(--faint); fill: none; }
.line { fill: none; stroke-width: 2; stroke-linejoin: round; }
.mark { fill: none; stroke-width: 6; stroke-linecap: round; }
.c0 { stroke: var(--c0); } .c1 { stroke: var(--c1); } .c2 { stroke: var(--c2); }
.c3 { stroke: var(--c3); } .c4 { stroke: var(--c4); } .c5 { stroke: var(--c5); }
.line.d1 { stroke-dasharray: 7 4; } .line.d2 { stroke-dasharray: 2 3; }`;
