import { parseEndpoint } from "../listen/endpoint.ts";
import { LONGEST_TIME } from "../core/serve_options.ts";
import type { Addr } from "../core/transport.ts";
import { parseArgs } from "./parse_args.ts";

/** The command line is wrong; the message says where, and what would be right. */
export class UsageError extends Error {}

/** What options a command line may have. */
export interface Accepted<V extends string, S extends string> {
  /** Those that take a value. */
  readonly values: readonly V[];
  /** Those that take none. */
  readonly switches: readonly S[];
  /** The one-letter names of some. */
  readonly alias: Readonly<Record<string, string>>;
}

/** What a command line has. */
export interface Given<V extends string, S extends string> {
  /** The endpoints, in their order. */
  readonly endpoints: Addr[];
  /** Whether an option is given that takes no value. */
  isOn(name: S): boolean;
  /** The value of an option, undefined where it is not given. */
  valueOf<T>(name: V, accepted: string, read: Read<T>): T | undefined;
  /** The values of an option that may be repeated. */
  valuesOf<T>(name: V, accepted: string, read: Read<T>): T[];
}

/** Reads a value; undefined where it is not as it should be. */
type Read<T> = (text: string) => T | undefined;

const UNITS: ReadonlyMap<string, number> = new Map([
  ["ms", 1],
  ["s", 1_000],
  ["m", 60_000],
  ["h", 3_600_000],
]);

/** What {@linkcode readTime} reads. */
export const TIME =
  "a number with a unit, such as 500ms, 30s, 5m or 1h (596h at most)";
/** What {@linkcode readSomeTime} reads. */
export const SOME_TIME = `${TIME}, more than 0`;
/** What {@linkcode readFrom1} reads. */
export const FROM_1 = "a whole number from 1";

/**
 * Takes a command line apart. This, and what it returns, throws a
 * {@linkcode UsageError} where the command line is wrong.
 */
export function readGiven<V extends string, S extends string>(
  args: readonly string[],
  { values, switches, alias }: Accepted<V, S>,
): Given<V, S> {
  // @std/cli would take an endpoint that follows a switch for the switch's value.
  const isEndpoint = (arg: string) => /^\w+:\/\//.test(arg);
  const endpoints = args.filter(isEndpoint).map(readEndpoint);
  const isSwitch = (name = "") => switches.some((known) => known === name);
  const given = parseArgs(args.filter((arg) => !isEndpoint(arg)), {
    string: values,
    // Collected, so that a repeated option shows.
    collect: [...values, ...switches],
    alias,
    // Not told which options are switches, @std/cli lets a value given to one
    // show instead of dropping it; so they come here too.
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

function readEndpoint(arg: string): Addr {
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

/** A file's path: any. */
export function readPath(text: string): string {
  return text;
}

/** A whole number within bounds; undefined if it is none. */
export function readWhole(
  text: string,
  least: number,
  most = Number.MAX_SAFE_INTEGER,
): number | undefined {
  const value = /^\d+$/.test(text) ? Number(text) : NaN;
  return value >= least && value <= most ? value : undefined;
}

/** A whole number from 1; undefined if it is none. */
export function readFrom1(text: string): number | undefined {
  return readWhole(text, 1);
}

/** The milliseconds that a time stands for; undefined if it is none. */
export function readTime(text: string): number | undefined {
  const { count, unit = "" } =
    /^(?<count>\d+(\.\d+)?)(?<unit>[a-z]+)$/.exec(text)?.groups ?? {};
  const value = Number(count) * (UNITS.get(unit) ?? NaN);
  return value <= LONGEST_TIME ? value : undefined;
}

/** The same, more than 0. */
export function readSomeTime(text: string): number | undefined {
  return readTime(text) || undefined;
}
