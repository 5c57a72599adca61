import { loadFromJsr } from "./jsr.ts";

/** The part of `parseArgs` of `@std/cli` that echod uses. */
export type ParseArgs = (
  args: string[],
  options: {
    /** The options that take a value. */
    string: readonly string[];
    /** All options; the values of each are collected in an array. */
    collect: readonly string[];
    /** Their one-letter names. */
    alias: Readonly<Record<string, string>>;
    /** Called with every other argument, and its name if it looks like an option. */
    unknown: (arg: string, name?: string) => boolean;
  },
) => { [name: string]: unknown; _: (string | number)[] };

/** Loads `parseArgs` of `@std/cli`, or a layer over the runtime's own if JSR cannot be reached. */
export async function loadParseArgs(): Promise<ParseArgs> {
  const std = await loadFromJsr<{ readonly parseArgs: ParseArgs }>(
    "jsr:@std/cli@^1/parse-args",
  );
  return std?.parseArgs ?? await loadBuiltin();
}

/** Loads the layer over `node:util`. */
export async function loadBuiltin(): Promise<ParseArgs> {
  const util = await import("node:util");
  return (args, { string, collect, alias, unknown }) => {
    const options = collect.map((name) =>
      [name, {
        type: string.includes(name) ? "string" : "boolean",
        ...(name in alias && { short: alias[name] }),
      }] as const
    );
    const { tokens } = util.parseArgs({
      args,
      options: Object.fromEntries(options),
      strict: false,
      tokens: true,
    });

    const collected: Record<string, unknown[]> = {};
    const rest: string[] = [];
    let terminated = false;
    let awaiting: unknown[] | undefined;
    for (const token of tokens) {
      if (token.kind === "option-terminator") {
        terminated = true;
      } else if (token.kind === "positional") {
        // As in @std/cli, a value after a switch counts as its value.
        if (terminated) rest.push(token.value);
        else if (awaiting) awaiting.splice(-1, 1, token.value);
        else unknown(token.value);
        awaiting = undefined;
      } else {
        const { name, rawName, value = "", inlineValue = false } = token;
        const arg = args[token.index] ?? rawName;
        const glued = inlineValue && !arg.startsWith("--");
        // @std/cli reads -p3000 and -H::1, but takes -Hhost for five switches.
        const readable = arg === rawName + value && /^\W|\d$/.test(value);
        if (!collect.includes(name) || glued && !readable) {
          unknown(arg, name);
          continue;
        }
        const values = collected[name] ??= [];
        awaiting = undefined;
        if (inlineValue) {
          values.push(glued ? value.replace(/^=/, "") : value);
        } else if (string.includes(name)) {
          values.push(value.startsWith("-") ? "" : value);
        } else {
          values.push(true);
          awaiting = values;
        }
      }
    }
    return { ...collected, _: rest };
  };
}
