/**
 * How long `--version` takes, as a whole process, beside one line of JavaScript
 * and of TypeScript on the same runtime. On its own:
 *
 * ```
 * deno run -A tests/benchmarks/starts.ts
 * ```
 */
import { RUNTIMES } from "../helpers/runtimes.ts";
import { outputOf } from "./child.ts";
import { Results } from "./results.ts";
import { pathOf } from "./servers.ts";

const ROUNDS = 15;
const ECHOD = "`--version`, in ms (ratio to one line of TypeScript)";
const ONE_LINE = {
  TypeScript: { name: "one.ts", text: `const x: number = 1; console.log(x);` },
  JavaScript: { name: "one.js", text: `const x = 1; console.log(x);` },
};

/** Measures the three in turn, on each runtime, and prints a table in Markdown. */
export async function printStarts(scratch: string): Promise<void> {
  for (const { name, text } of Object.values(ONE_LINE)) {
    await Deno.writeTextFile(`${scratch}/${name}`, text);
  }
  const results = new Results();
  const runtimes = RUNTIMES.filter(({ command }) => command !== "");
  for (let round = 0; round < ROUNDS; round++) {
    for (const { name, command, args } of runtimes) {
      const time = async (...own: string[]) => {
        const start = performance.now();
        await outputOf(command, ...args, ...own);
        return performance.now() - start;
      };
      for (const [language, file] of Object.entries(ONE_LINE)) {
        results.add(language, name, await time(`${scratch}/${file.name}`));
      }
      const echod = await time(pathOf("../../mod.ts"), "--version");
      results.add("echod", name, echod);
    }
  }
  console.log(`| | ${runtimes.map(({ name }) => name).join(" | ")} |`);
  console.log(`|---${"|--:".repeat(runtimes.length)}|`);
  const print = (title: string, subject: string, base?: string) => {
    const cells = runtimes.map(({ name }) => results.cell(subject, name, base));
    console.log(`| ${title} | ${cells.join(" | ")} |`);
  };
  print(ECHOD, "echod", "TypeScript");
  for (const language of Object.keys(ONE_LINE)) {
    print(`one line of ${language}, in ms`, language);
  }
}

if (import.meta.main) {
  const scratch = await Deno.makeTempDir();
  try {
    await printStarts(scratch);
  } finally {
    await Deno.remove(scratch, { recursive: true });
  }
}
