import { open, unlink, writeFile } from "node:fs/promises";
import { codeOf, explain } from "../../core/error_message.ts";
import type { Subject } from "./comparison.ts";

/** The paths of the files to write. */
export interface Paths {
  readonly hgrm?: string | undefined;
  readonly csv?: string | undefined;
  readonly html?: string | undefined;
}

/**
 * Makes sure that the files can be written before a long run begins, and leaves
 * none behind. Rejects with an Error that names the option.
 */
export async function checkOutputs(paths: Paths): Promise<void> {
  for (const [option, path] of Object.entries(paths)) {
    if (path === undefined) continue;
    await tryTo(option, path, () => tryToOpen(path));
  }
}

async function tryToOpen(path: string): Promise<void> {
  try {
    await (await open(path, "ax")).close();
  } catch (error) {
    if (codeOf(error) !== "EEXIST") throw error;
    await (await open(path, "a")).close();
    return;
  }
  await unlink(path);
}

/** Writes the files. Rejects with an Error that names the option. */
export async function writeOutputs(
  { hgrm, csv, html }: Paths,
  subject: Subject,
  args: readonly string[],
): Promise<void> {
  const result = subject.results.at(-1);
  if (!result) return;
  if (hgrm !== undefined) {
    const { formatHgrm } = await import("./hgrm.ts");
    await write("hgrm", hgrm, formatHgrm(result));
  }
  if (csv !== undefined) {
    const { formatCsv } = await import("./csv.ts");
    await write("csv", csv, formatCsv(result));
  }
  if (html !== undefined) await writeHtml(html, [subject], args);
}

/** Writes a report of one or several subjects. Rejects with an Error that names the option. */
export async function writeHtml(
  path: string,
  subjects: readonly Subject[],
  args: readonly string[],
): Promise<void> {
  const { formatHtml } = await import("./html.ts");
  await write("html", path, formatHtml(subjects, args));
}

function write(option: string, path: string, text: string): Promise<void> {
  return tryTo(option, path, () => writeFile(path, text));
}

async function tryTo(
  option: string,
  path: string,
  work: () => Promise<void>,
): Promise<void> {
  try {
    await work();
  } catch (cause) {
    const reason = explain(cause);
    throw new Error(`Cannot write --${option} ${path}: ${reason}`, { cause });
  }
}
