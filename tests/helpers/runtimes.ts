import { missing } from "./commands.ts";

/** A runtime, and what it takes to run a module on it. */
export interface Runtime {
  readonly name: string;
  readonly command: string;
  /** What comes before the module's path. */
  readonly args: readonly string[];
  /** What a test lacks on it, if that is why it has no command. */
  readonly lacks?: string;
}

const { state } = await Deno.permissions.query({ name: "run" });

/** The runtimes, without a command where one of those that a test needs is not installed. */
export function needing(
  commands: readonly string[],
  runtimes: readonly Runtime[] = RUNTIMES,
): readonly Runtime[] {
  const lacking = missing(...commands);
  if (lacking.length === 0) return runtimes;
  const lacks = lacking.join(" and ");
  return runtimes.map(({ name }) => ({ name, command: "", args: [], lacks }));
}

/** What the command prints; undefined where it cannot be run, or fails. */
function outputOf(command: string, ...args: string[]): string | undefined {
  try {
    const { success, stdout } = new Deno.Command(command, { args })
      .outputSync();
    return success ? new TextDecoder().decode(stdout).trim() : undefined;
  } catch {
    return undefined;
  }
}

/** The path of a runtime: the one on the PATH if it will do, else from npm. */
function find(command: string, npm: string, check: string): string {
  return state === "granted" && outputOf(command, "-e", check) ||
    fetchRuntime(npm, check);
}

/** The path of a runtime from npm; empty where it is not to be had. */
export function fetchRuntime(npm: string, check: string): string {
  return state === "granted" &&
      outputOf("npx", "--yes", "--prefer-offline", npm, "-e", check) ||
    "";
}

const node = find(
  "node",
  "node@24",
  `const [major, minor] = process.versions.node.split(".");
  if (major > 24 || major == 24 && minor >= 2) console.log(process.execPath)`,
);
const bun = find("bun", "bun@1", "console.log(process.execPath)");

/** The runtimes that the program is tested on; without a command where one is not to be had. */
export const RUNTIMES: readonly [Runtime, Runtime, Runtime] = [
  {
    name: "Deno",
    command: state === "granted" ? Deno.execPath() : "",
    args: ["run", "--quiet", "--no-prompt", "--allow-net"],
  },
  { name: "Node", command: node, args: [] },
  { name: "Bun", command: bun, args: [] },
];
