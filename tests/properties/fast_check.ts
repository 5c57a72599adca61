import { within } from "../../src/runtimes/timeout.ts";

/** How long npm may take to deliver the package, in milliseconds. */
const PATIENCE = 5_000;

/** Makes values of a type. */
export interface Arbitrary<T> {
  map<U>(make: (value: T) => U): Arbitrary<U>;
  chain<U>(make: (value: T) => Arbitrary<U>): Arbitrary<U>;
}

type ArbitrariesOf<T> = { [K in keyof T]: Arbitrary<T[K]> };

/** What is said of all values. */
type Property = (values: unknown) => unknown;

/** The part of fast-check that is used here. */
export interface FastCheck {
  configureGlobal(options: { numRuns?: number; seed?: number }): void;
  property<T extends unknown[]>(
    ...args: [...ArbitrariesOf<T>, predicate: (...values: T) => void]
  ): Property;
  asyncProperty<T extends unknown[]>(
    ...args: [...ArbitrariesOf<T>, predicate: (...values: T) => Promise<void>]
  ): Property;
  /** Returns a promise for an asynchronous property. */
  assert(property: Property): Promise<void>;

  boolean(): Arbitrary<boolean>;
  integer(range: { min: number; max: number }): Arbitrary<number>;
  nat(max: number): Arbitrary<number>;
  string(
    options: { unit?: "binary"; maxLength?: number },
  ): Arbitrary<string>;
  ipV4(): Arbitrary<string>;
  ipV6(): Arbitrary<string>;
  domain(): Arbitrary<string>;
  jsonValue(): Arbitrary<unknown>;
  uint8Array(options: { maxLength: number }): Arbitrary<Uint8Array>;
  constant<const T>(value: T): Arbitrary<T>;
  constantFrom<const T>(...values: readonly T[]): Arbitrary<T>;
  oneof<T extends unknown[]>(
    ...arbitraries: ArbitrariesOf<T>
  ): Arbitrary<T[number]>;
  option<T>(arbitrary: Arbitrary<T>): Arbitrary<T | null>;
  array<T>(
    arbitrary: Arbitrary<T>,
    options?: { maxLength: number },
  ): Arbitrary<T[]>;
  shuffledSubarray<T>(values: T[]): Arbitrary<T[]>;
  tuple<T extends unknown[]>(...arbitraries: ArbitrariesOf<T>): Arbitrary<T>;
  record<T>(
    model: ArbitrariesOf<T>,
    options?: { noNullPrototype: boolean },
  ): Arbitrary<T>;
  dictionary<T>(
    keys: Arbitrary<string>,
    values: Arbitrary<T>,
  ): Arbitrary<Record<string, T>>;
}

// A literal would be fetched before the first test of any file, however long npm
// takes to answer. So would its types.
const specifier = "fast-check";
const loaded: { readonly default: FastCheck } = await within(
  PATIENCE,
  specifier,
  import(specifier),
  () => {},
);

export const fc: FastCheck = loaded.default;
