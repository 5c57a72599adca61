import { within } from "../../src/runtimes/timeout.ts";

/** How long npm may take to deliver the package, in milliseconds. */
const PATIENCE = 5_000;

/** The part of Ajv that is used here. */
interface Ajv {
  compile(schema: object): Validate;
}

interface Validate {
  (value: unknown): boolean;
  readonly errors?: readonly object[] | null;
}

/** Makes a function that tells what is wrong with a value: nothing if it is as a schema says. */
export type Compile = (schema: object) => (value: unknown) => readonly object[];

/** Loads a library for JSON Schema; undefined without npm, nor a copy of the package. */
export async function loadJsonSchema(): Promise<Compile | undefined> {
  // A literal would be fetched before the first test of any file.
  const specifier = "npm:ajv@^8/dist/2020.js";
  const loading: Promise<{ readonly Ajv2020: new (options: object) => Ajv }> =
    import(specifier);
  try {
    const { Ajv2020 } = await within(PATIENCE, specifier, loading, () => {});
    return (schema) => {
      const options = { allErrors: true, allowUnionTypes: true };
      const validate = new Ajv2020(options).compile(schema);
      return (value) => validate(value) ? [] : validate.errors ?? [];
    };
  } catch {
    return undefined;
  }
}
