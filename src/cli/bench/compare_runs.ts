import { readFile } from "node:fs/promises";
import type { BenchResult } from "../../bench/bench.ts";
import { explain } from "../../core/error_message.ts";
import type { Runtime } from "../../runtimes/runtime.ts";
import { UsageError } from "../command_line.ts";
import { printText } from "../output.ts";
import {
  compare,
  differences,
  letterOf,
  type Row,
  type Subject,
  verdictOf,
} from "./comparison.ts";
import { checkOutputs, writeHtml } from "./outputs.ts";

/** `echod bench compare`: compares results of `--json`. Returns the exit code. */
export async function runCompare(
  runtime: Runtime,
  args: readonly string[],
): Promise<number> {
  const { paths, html } = readArgs(args);
  const subjects: Subject[] = [];
  for (const path of paths) {
    subjects.push({ name: path, results: await readResults(path) });
  }
  if (html !== undefined) {
    await checkOutputs({ html });
    await writeHtml(html, subjects, ["compare", ...args]);
  }
  return await printText(runtime, formatComparison(subjects)) ? 0 : 1;
}

function readArgs(args: readonly string[]): { paths: string[]; html?: string } {
  const paths: string[] = [];
  let html: string | undefined;
  for (let i = 0; i < args.length; i++) {
    const arg = args[i] ?? "";
    const [name, value] = arg.split(/=(.*)/s);
    if (name === "--html") {
      html = value ?? args[++i];
      if (!html) throw new UsageError("Missing value for --html: see --help");
    } else if (arg.startsWith("-")) {
      throw new UsageError(
        `Unknown option ${JSON.stringify(arg)} of compare: see --help`,
      );
    } else {
      paths.push(arg);
    }
  }
  if (paths.length < 2) {
    throw new UsageError(
      "Too few files are given: compare needs two at least, of bench --json",
    );
  }
  return { paths, ...(html !== undefined && { html }) };
}

async function readResults(path: string): Promise<readonly BenchResult[]> {
  let text: string;
  try {
    text = await readFile(path, "utf8");
  } catch (cause) {
    throw new Error(`Cannot read ${path}: ${explain(cause)}`, { cause });
  }
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    // It is said below.
  }
  const results = isObject(value) && Array.isArray(value["runs"])
    ? value["runs"]
    : isObject(value) && Array.isArray(value["steps"])
    ? [value["result"]]
    : [value];
  if (results.length > 0 && results.every(isResult)) return results;
  throw new Error(
    `Cannot compare ${path}: it has no result of this version's bench --json`,
  );
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null;
}

/** Reports whether a value has what a comparison looks at. */
function isResult(value: unknown): value is BenchResult {
  if (!isObject(value)) return false;
  const lists = [
    "curve",
    "series",
    "firstErrors",
    "percentilesUs",
    "histogram",
  ];
  const objects = ["options", "latencyUs", "errors"];
  const connections = value["perConnection"];
  return isObject(connections) && Array.isArray(connections["messages"]) &&
    typeof value["endpoint"] === "string" &&
    typeof value["messagesPerSecond"] === "number" &&
    lists.every((name) => Array.isArray(value[name])) &&
    objects.every((name) => isObject(value[name]));
}

/** Formats a comparison as text. */
export function formatComparison(subjects: readonly Subject[]): string {
  const rows = compare(subjects);
  const lines = [
    ...subjects.map(({ name, results }, index) => {
      const count = results.length === 1 ? "1 run" : `${results.length} runs`;
      const { endpoint, version, runtime } = results[0] ?? {};
      return `${
        letterOf(index)
      }  ${name}: ${endpoint}, ${count}, echod ${version} on ${runtime}`;
    }),
    ...differences(subjects).map((line) => `Warning: they differ in ${line}`),
    "",
    ...formatRows(rows, subjects.length),
    "",
    verdictOf(rows, subjects),
  ];
  return lines.map((line) => `${line.trimEnd()}\n`).join("");
}

/** A table: a line for each figure, with the ratios to the first subject. */
function formatRows(rows: readonly Row[], subjects: number): string[] {
  const letters = Array.from({ length: subjects }, (_, i) => letterOf(i));
  const [, ...others] = letters;
  const cells = [
    ["", ...letters, ...others.flatMap((letter) => [`${letter}/A`, ""])],
    ...rows.map((row) => [
      row.name,
      ...row.cells,
      ...others.flatMap((_, i) => [
        row.ratios[i]?.toFixed(2) ?? "–",
        row.verdicts[i] ?? "",
      ]),
    ]),
  ];
  const widths = cells[0]?.map((_, column) =>
    Math.max(...cells.map((line) => line[column]?.length ?? 0))
  );
  return cells.map((line) =>
    line.map((cell, column) => cell.padEnd(widths?.[column] ?? 0)).join("  ")
  );
}
