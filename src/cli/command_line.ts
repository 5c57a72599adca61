import {
  type Endpoint,
  looksLikeEndpoint,
  parseEndpoint,
} from "../listen/endpoint.ts";
import { LONGEST_TIME } from "../core/serve_options.ts";
import type { ParseArgs } from "./parse_args.ts";

/** An error in the command line. The message says where it is, and what would be right. */
export class UsageError extends Error {}

/** The options that a command line may have. */
export interface Accepted<V extends string, S extends string> {
  /** Options that take a value. */
  readonly values: readonly V[];
  /** Options that take no value. */
  readonly switches: readonly S[];
  /** One-letter names, by option. */
  readonly alias: Readonly<Record<string, string>>;
}

/** A parsed command line. */
export interface CommandLine<V extends string, S extends string> {
  /** The endpoints, in order. */
  readonly endpoints: readonly Endpoint[];
  /** Reports whether a switch is given. */
  isOn(name: S): boolean;
  /** Returns the value of an option, or undefined if it is not given. */
  valueOf<T>(name: V, accepted: string, read: Read<T>): T | undefined;
  /** Returns the values of an option that may be repeated. */
  valuesOf<T>(name: V, accepted: string, read: Read<T>): T[];
}

/** Parses a value. Returns undefined if it is invalid. */
export type Read<T> = (text: string) => T | undefined;

const UNITS: ReadonlyMap<string, number> = new Map([
  ["ms", 1],
  ["s", 1_000],
  ["m", 60_000],
  ["h", 3_600_000],
]);

/** Describes what {@linkcode readTime} accepts. */
export const TIME =
  "a number with a unit, such as 500ms, 30s, 5m or 1h (596h at most)";
/** Describes what {@linkcode readSomeTime} accepts. */
export const SOME_TIME = `${TIME}, more than 0`;
/** Describes what {@linkcode readFrom1} accepts. */
export const FROM_1 = "a whole number from 1";

/**
 * Parses a command line. This function rejects, and the methods of what it returns
 * throw, with a {@linkcode UsageError} if the command line is invalid.
 *
 * @param loadParser Loads the parser, which a command line of endpoints alone
 * does not need.
 */
export async function readCommandLine<V extends string, S extends string>(
  args: readonly string[],
  loadParser: () => Promise<ParseArgs>,
  { values, switches, alias }: Accepted<V, S>,
): Promise<CommandLine<V, S>> {
  // @std/cli would take an endpoint after a switch as the value of the switch.
  const endpoints = args.filter(looksLikeEndpoint).map(readEndpoint);
  const others = separateValues(
    args.filter((arg) => !looksLikeEndpoint(arg)),
    values.flatMap((name) => alias[name] ?? []),
  );
  const isSwitch = (name = "") => switches.some((known) => known === name);
  const parseArgs = others.length > 0 ? await loadParser() : () => ({ _: [] });
  const given: ReturnType<ParseArgs> = parseArgs(others, {
    string: values,
    // Collected, so that repeated options are noticed.
    collect: [...values, ...switches],
    alias,
    // @std/cli drops the value of a switch that it knows to be one. Switches are
    // not declared, so that the value is noticed; they arrive here as unknown.
    unknown: (arg, name) => isSwitch(name) || reject(arg),
  });
  given._.forEach((arg) => reject(String(arg)));

  function reject(arg: string): never {
    const name = values.find((known) => arg === `--${known}=`);
    if (!arg.startsWith("-")) readEndpoint(arg);
    throw new UsageError(
      name
        ? `Missing value for --${name}: see --help`
        : `Unknown option ${JSON.stringify(arg)}: see --help`,
    );
  }

  function all(name: string): unknown[] {
    const values = given[name];
    return Array.isArray(values) ? values : [];
  }

  function once(name: string): unknown[] {
    const values = all(name);
    if (values.length <= 1) return values;
    throw new UsageError(
      `Option --${name} is given ${values.length} times: once is accepted`,
    );
  }

  return {
    endpoints,
    isOn(name) {
      const [value = false] = once(name);
      if (typeof value === "boolean") return value;
      throw new UsageError(
        `Invalid value ${
          JSON.stringify(String(value))
        } for --${name}: it takes none`,
      );
    },
    valueOf: (name, accepted, read) =>
      once(name).map((text) => readValue(name, text, accepted, read))[0],
    valuesOf: (name, accepted, read) =>
      all(name).map((text) => readValue(name, text, accepted, read)),
  };
}

/**
 * Writes `-d5s` as `-d=5s`, for the letters of options that take a value: left
 * alone, @std/cli reads only numbers behind a letter.
 */
function separateValues(
  args: readonly string[],
  letters: readonly string[],
): string[] {
  const end = args.indexOf("--");
  return args.map((arg, index) => {
    const [, letter = "", value] = /^-(\w)([^=].*)$/s.exec(arg) ?? [];
    const isOption = end < 0 || index < end;
    return value !== undefined && isOption && letters.includes(letter)
      ? `-${letter}=${value}`
      : arg;
  });
}

function readEndpoint(arg: string): Endpoint {
  try {
    return parseEndpoint(arg);
  } catch (error) {
    if (!(error instanceof SyntaxError)) throw error;
    throw new UsageError(error.message);
  }
}

function readValue<T>(
  name: string,
  text: unknown,
  accepted: string,
  read: Read<T>,
): T {
  if (text === "") {
    throw new UsageError(`Missing value for --${name}: expected ${accepted}`);
  }
  const value = read(String(text));
  if (value !== undefined) return value;
  throw new UsageError(
    `Invalid value ${JSON.stringify(text)} for --${name}: expected ${accepted}`,
  );
}

/** Accepts any path of a file. */
export function readPath(text: string): string {
  return text;
}

/** Parses a whole number within bounds. Returns undefined if the text is not one. */
export function readWhole(
  text: string,
  least: number,
  most = Number.MAX_SAFE_INTEGER,
): number | undefined {
  const value = /^\d+$/.test(text) ? Number(text) : NaN;
  return value >= least && value <= most ? value : undefined;
}

/** Parses a whole number from 1. Returns undefined if the text is not one. */
export function readFrom1(text: string): number | undefined {
  return readWhole(text, 1);
}

/** Parses a time, to milliseconds. Returns undefined if the text is not one. */
export function readTime(text: string): number | undefined {
  const { count, unit = "" } =
    /^(?<count>\d+(\.\d+)?)(?<unit>[a-z]+)$/.exec(text)?.groups ?? {};
  const value = Number(count) * (UNITS.get(unit) ?? NaN);
  return value <= LONGEST_TIME ? value : undefined;
}

/** Parses a time of more than 0, to milliseconds. */
export function readSomeTime(text: string): number | undefined {
  return readTime(text) || undefined;
}
