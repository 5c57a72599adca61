/**
 * How long a start takes, of the whole process: of `--version`, and until the
 * server listens, beside one line of JavaScript and of TypeScript on the same
 * runtime. On its own:
 *
 * ```
 * deno run -A tests/benchmarks/starts.ts
 * ```
 */
import { type Runtime, RUNTIMES } from "../helpers/runtimes.ts";
import { Child, outputOf } from "./child.ts";
import { Results } from "./results.ts";
import { pathOf } from "./servers.ts";

const ROUNDS = 15;
/** One line that prints, by its file's ending. */
const PRINTS: Readonly<Record<string, string>> = {
  ts: "const x: number = 1; console.log(x);",
  js: "const x = 1; console.log(x);",
};
/** One line of TypeScript that listens and says so, by runtime. */
const LISTENS: Readonly<Record<string, string>> = {
  Deno: `const listener: Deno.TcpListener =
    Deno.listen({ hostname: "127.0.0.1", port: 0 });
    console.error("Listening on", listener.addr.port);`,
  Node: `import { createServer, type Server } from "node:net";
    const server: Server = createServer().listen(0, "127.0.0.1", () =>
      console.error("Listening on", server.address()));`,
  Bun: `const socket: object = { data() {} };
    const listener = Bun.listen({ hostname: "127.0.0.1", port: 0, socket });
    console.error("Listening on", listener.port);`,
};
const ENDPOINT = "tcp://127.0.0.1:0";

/** What is started, and what it is compared with. */
interface Start {
  readonly title: string;
  readonly base?: string;
  /** Starts it, and resolves when it has done what is measured. */
  run(runtime: Runtime, scratch: string): Promise<unknown>;
}

/** Runs a program to its end. */
function ended({ command, args }: Runtime, ...own: string[]) {
  return outputOf(command, ...args, ...own);
}

/** Runs a program until it says that it listens. */
async function listening({ command, args }: Runtime, ...own: string[]) {
  // Nothing listens there, so JSR refuses at once.
  const env = ["env", "JSR_URL=http://127.0.0.1:9/"];
  const all = [...env, command, ...args, ...own];
  await using child = new Child("stderr", undefined, all);
  while (!/^listening on /i.test(await child.line()));
}

const ECHOD = pathOf("../../mod.ts");
const STARTS: readonly Start[] = [
  {
    title: "`--version`",
    base: "one line of TypeScript",
    run: (runtime) => ended(runtime, ECHOD, "--version"),
  },
  {
    title: "one line of TypeScript",
    run: (runtime, scratch) => ended(runtime, `${scratch}/prints.ts`),
  },
  {
    title: "one line of JavaScript",
    run: (runtime, scratch) => ended(runtime, `${scratch}/prints.js`),
  },
  {
    title: `\`Listening on\`, of \`${ENDPOINT}\``,
    base: "one line of TypeScript that listens",
    run: (runtime) => listening(runtime, ECHOD, ENDPOINT),
  },
  {
    title: "`Listening on`, of `--port 0` where JSR refuses",
    base: "one line of TypeScript that listens",
    run: (runtime) => listening(runtime, ECHOD, "--port", "0"),
  },
  {
    title: "one line of TypeScript that listens",
    run: (runtime, scratch) =>
      listening(runtime, `${scratch}/${runtime.name}.ts`),
  },
];

/** Measures all starts in turn, on each runtime, and prints a table in Markdown. */
export async function printStarts(scratch: string): Promise<void> {
  for (const [ending, text] of Object.entries(PRINTS)) {
    await Deno.writeTextFile(`${scratch}/prints.${ending}`, text);
  }
  for (const [name, text] of Object.entries(LISTENS)) {
    await Deno.writeTextFile(`${scratch}/${name}.ts`, text);
  }
  const results = new Results();
  const runtimes = RUNTIMES.filter(({ command }) => command !== "");
  for (let round = 0; round < ROUNDS; round++) {
    for (const runtime of runtimes) {
      for (const { title, run } of STARTS) {
        const start = performance.now();
        await run(runtime, scratch);
        results.add(title, runtime.name, performance.now() - start);
      }
    }
  }
  console.log(`| in ms | ${runtimes.map(({ name }) => name).join(" | ")} |`);
  console.log(`|---${"|--:".repeat(runtimes.length)}|`);
  for (const { title, base } of STARTS) {
    const cells = runtimes.map(({ name }) => results.cell(title, name, base));
    console.log(`| ${title} | ${cells.join(" | ")} |`);
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
