import { LONGEST_TIME } from "../server.ts";
import { parseArgs } from "./parse_args.ts";

/** The command line is wrong; the message says where, and what would be right. */
export class UsageError extends Error {}

/** What a command line may have. */
export interface Accepted<V extends string, S extends string> {
  /** The options that take a value. */
  readonly values: readonly V[];
  /** Those that take none. */
  readonly switches: readonly S[];
  /** The one-letter names of some. */
  readonly alias: { readonly [name in V | S]?: string };
  /** What may be there besides options; by default nothing. */
  readonly operands?: { readonly most: number; readonly accepted: string };
}

/** What a command line has. */
export interface Given<V extends string, S extends string> {
  /** What there is besides options. */
  readonly operands: readonly string[];
  /** Whether an option is given that takes no value. */
  isOn(name: S): boolean;
  /** The value of an option, undefined where it is not given. */
  valueOf<T>(
    name: V,
    accepted: string,
    read: (text: string) => T | undefined,
  ): T | undefined;
}

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
  { values, switches, alias, operands: { most, accepted } = NO_OPERANDS }:
    Accepted<V, S>,
): Given<V, S> {
  const isSwitch = (name = "") => switches.some((known) => known === name);
  const isOperand = (arg: string) => most > 0 && !/^-./.test(arg);
  const given = parseArgs([...args], {
    string: values,
    // Collected, so that a repeated option shows.
    collect: [...values, ...switches],
    alias: Object.fromEntries(
      Object.entries<string | undefined>(alias)
        .flatMap(([name, letter]) => letter ? [[name, letter]] : []),
    ),
    // Not told which options are switches, @std/cli lets a value given to one
    // show instead of dropping it; so they come here too.
    unknown: (arg, name) => isSwitch(name) || isOperand(arg) || reject(arg),
  });

  // Where operands are accepted, one may have been taken for a switch's value.
  const operands = given._.map(String);
  if (most > 0) {
    for (const name of switches) {
      const all = given[name];
      if (!Array.isArray(all)) continue;
      all.forEach((value, index) => {
        if (typeof value !== "string") return;
        operands.push(value);
        all[index] = true;
      });
    }
  }
  operands.slice(most).forEach(reject);

  function reject(arg: string): never {
    const name = values.find((known) => arg === `--${known}=`);
    throw new UsageError(
      name
        ? `Missing value for --${name}: see --help`
        : arg.startsWith("-")
        ? `Unknown option ${JSON.stringify(arg)}: see --help`
        : `Unexpected argument ${
          JSON.stringify(arg)
        }: ${accepted} accepted, see --help`,
    );
  }

  function once(name: string): unknown {
    const all = given[name];
    if (!Array.isArray(all) || all.length === 0) return undefined;
    if (all.length === 1) return all[0];
    throw new UsageError(
      `Option --${name} is given ${all.length} times: once is accepted`,
    );
  }

  function isOn(name: S): boolean {
    const value = once(name);
    if (value === undefined || value === true) return value === true;
    throw new UsageError(
      `Invalid value ${
        JSON.stringify(String(value))
      } for --${name}: it takes none`,
    );
  }

  function valueOf<T>(
    name: V,
    accepted: string,
    read: (text: string) => T | undefined,
  ): T | undefined {
    const text = once(name);
    if (text === undefined) return undefined;
    if (text === "") {
      throw new UsageError(`Missing value for --${name}: expected ${accepted}`);
    }
    const value = read(String(text));
    if (value !== undefined) return value;
    throw new UsageError(
      `Invalid value ${
        JSON.stringify(text)
      } for --${name}: expected ${accepted}`,
    );
  }

  return { operands, isOn, valueOf };
}

const NO_OPERANDS = { most: 0, accepted: "only options are" };

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
