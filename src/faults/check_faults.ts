import type { DatagramFaults, StreamFaults } from "../core/fault_options.ts";
import { LONGEST_TIME } from "../core/serve_options.ts";

/** What can be wrong with a number, and what would be right. */
interface Rule {
  readonly least: number;
  readonly most: number;
  readonly isWhole: boolean;
  readonly expected: string;
}

const TIME: Rule = {
  least: Number.MIN_VALUE,
  most: LONGEST_TIME,
  isWhole: false,
  expected: `milliseconds, more than 0, at most ${LONGEST_TIME}`,
};
const COUNT: Rule = {
  least: 0,
  most: Number.MAX_SAFE_INTEGER,
  isWhole: true,
  expected: "a whole number from 0",
};
const SIZE: Rule = { ...COUNT, least: 1, expected: "a whole number from 1" };
const PERCENT: Rule = {
  least: 0,
  most: 100,
  isWhole: false,
  expected: "a number of percent, from 0 to 100",
};
const SEED: Rule = {
  ...COUNT,
  most: 2 ** 32 - 1,
  expected: "a whole number from 0 to 4294967295",
};

/** Rules of the faults that are numbers, by name. */
const COMMON = {
  delay: TIME,
  jitter: TIME,
  window: SIZE,
  corrupt: PERCENT,
  share: PERCENT,
  seed: SEED,
} satisfies Rules<StreamFaults & DatagramFaults>;
const STREAM = {
  ...COMMON,
  rate: SIZE,
  slice: SIZE,
  stall: TIME,
  after: COUNT,
  reset: COUNT,
  close: COUNT,
  deaf: undefined,
  mute: undefined,
} satisfies Rules<StreamFaults>;
const DATAGRAM = {
  ...COMMON,
  drop: PERCENT,
  duplicate: PERCENT,
  reorder: PERCENT,
} satisfies Rules<DatagramFaults>;

/** Faults without a rule are switches. */
type Rules<F> = { readonly [Name in keyof F]?: Rule | undefined };

/** What does nothing without another fault. */
const NEEDS = { jitter: "delay", window: "delay", after: "stall" };

/** Throws a TypeError or a RangeError if the faults of a connection are invalid. */
export function checkStreamFaults(faults: StreamFaults): void {
  check(faults, STREAM, "a connection");
}

/** Throws a TypeError or a RangeError if the faults of datagrams are invalid. */
export function checkDatagramFaults(faults: DatagramFaults): void {
  check(faults, DATAGRAM, "a datagram");
}

function check(
  faults: StreamFaults & DatagramFaults,
  rules: Readonly<Record<string, Rule | undefined>>,
  what: string,
): void {
  if (typeof faults !== "object" || faults === null) {
    throw new TypeError(
      `Invalid faults: they must be an object, but are ${faults}`,
    );
  }
  const given = new Map<string, unknown>(
    Object.entries(faults).filter(([_, value]) => value !== undefined),
  );
  for (const [name, value] of given) {
    if (!Object.hasOwn(rules, name)) {
      const names = Object.keys(rules).join(", ");
      throw new TypeError(
        `Invalid faults: ${what} has no ${name}, but ${names}`,
      );
    }
    const rule = rules[name];
    if (!rule) checkSwitch(name, value);
    else if (name === "slice" && Array.isArray(value)) checkRange(name, value);
    else checkNumber(name, value, rule);
  }
  for (const [name, needed] of Object.entries(NEEDS)) {
    if (!given.has(name) || given.has(needed)) continue;
    throw new TypeError(`Invalid faults: ${name} needs ${needed}`);
  }
  const { jitter = 0, delay = jitter } = faults;
  if (jitter > delay) {
    throw new RangeError(
      `Invalid faults: jitter must be at most delay, ${delay}, but is ${jitter}`,
    );
  }
  given.delete("seed");
  if (given.size === 1 && given.has("share")) {
    throw new TypeError("Invalid faults: share needs a fault");
  }
}

function checkNumber(name: string, value: unknown, rule: Rule): void {
  const { least, most, isWhole, expected } = rule;
  const message = `Invalid faults: ${name} must be ${expected}, but is ${
    String(value)
  }`;
  const isNumber = typeof value === "number" && !Number.isNaN(value);
  if (!isNumber || isWhole && !Number.isInteger(value)) {
    throw new TypeError(message);
  }
  if (value < least || value > most) throw new RangeError(message);
}

function checkRange(name: string, value: readonly unknown[]): void {
  for (const size of value) checkNumber(name, size, SIZE);
  const [least, most] = value;
  if (value.length === 2 && Number(least) <= Number(most)) return;
  throw new RangeError(
    `Invalid faults: ${name} must be from the least to the most, but is ${
      value.join("..")
    }`,
  );
}

function checkSwitch(name: string, value: unknown): void {
  if (typeof value === "boolean") return;
  throw new TypeError(
    `Invalid faults: ${name} must be true or false, but is ${String(value)}`,
  );
}
