import { loadBuiltin } from "../../src/cli/parse_args.ts";
import { assertEquals } from "../helpers/assert.ts";

const OPTIONS = {
  string: ["host", "port"],
  collect: ["host", "port", "flag", "other"],
  alias: { host: "H", port: "p", flag: "f" },
};

type Case = [
  args: string[],
  parsed: Record<string, unknown>,
  unknown?: string[],
];

const CASES: readonly Case[] = [
  [[], {}],
  [["--host", "a"], { host: ["a"] }],
  [["--host=a"], { host: ["a"] }],
  [["--host="], { host: [""] }],
  [["--host==a"], { host: ["=a"] }],
  [["--host"], { host: [""] }],
  [["--port=1", "--port=2"], { port: ["1", "2"] }],
  // Another option is no value.
  [["--host", "-p3000"], { host: [""] }],
  [["-p", "3000"], { port: ["3000"] }],
  [["-p3000"], { port: ["3000"] }],
  [["-p=3000"], { port: ["3000"] }],
  [["-H::1"], { host: ["::1"] }],
  // @std/cli takes these for several switches.
  [["-Hhost"], {}, ["-Hhost"]],
  [["-fp3000"], { flag: [true] }, ["-fp3000"]],
  [["--flag"], { flag: [true] }],
  [["-f", "--other"], { flag: [true], other: [true] }],
  [["--flag=1"], { flag: ["1"] }],
  // A value after a switch is taken for its own.
  [["--flag", "x"], { flag: ["x"] }],
  [["--flag", "x", "y"], { flag: ["x"] }, ["y"]],
  [["--flag", "--flag", "x"], { flag: [true, "x"] }],
  [["--flag", "--other", "x"], { flag: [true], other: ["x"] }],
  [["--flag", "-p1", "x"], { flag: [true], port: ["1"] }, ["x"]],
  [["--host=a", "x"], { host: ["a"] }, ["x"]],
  [["x"], {}, ["x"]],
  [["--bogus=1", "-x"], {}, ["--bogus=1 bogus", "-x x"]],
  [["--", "a", "-p1"], { _: ["a", "-p1"] }],
  [["--flag", "--", "x"], { flag: [true], _: ["x"] }],
];

const parseArgs = await loadBuiltin();

for (const [args, parsed, unknown = []] of CASES) {
  Deno.test(`The built-in parseArgs reads ${JSON.stringify(args.join(" "))}`, () => {
    const rejected: string[] = [];
    const result = parseArgs([...args], {
      ...OPTIONS,
      unknown(arg, name) {
        const isNamed = name !== undefined && !OPTIONS.collect.includes(name);
        rejected.push(isNamed ? `${arg} ${name}` : arg);
        return false;
      },
    });
    assertEquals({ ...result }, { _: [], ...parsed });
    assertEquals(rejected, unknown);
  });
}
