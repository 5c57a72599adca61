import { loadFromJsr } from "../../src/cli/jsr.ts";
import nodeAssert from "node:assert/strict";

type ErrorClass<E extends Error> = abstract new (...args: never[]) => E;

/** The names and meanings of `@std/assert`, on the runtime's own assertions. */
const builtin = {
  assert(condition: unknown, message?: string): asserts condition {
    nodeAssert.ok(condition, message);
  },

  assertEquals<T>(actual: T, expected: T, message?: string): void {
    nodeAssert.deepStrictEqual(actual, expected, message);
  },

  assertMatch(actual: string, expected: RegExp, message?: string): void {
    nodeAssert.match(actual, expected, message);
  },

  assertStringIncludes(
    actual: string,
    expected: string,
    message = `Expected ${JSON.stringify(actual)} to include ${
      JSON.stringify(expected)
    }`,
  ): void {
    nodeAssert.ok(actual.includes(expected), message);
  },

  assertThrows<E extends Error>(
    run: () => unknown,
    kind: ErrorClass<E>,
    includes = "",
  ): E {
    try {
      run();
    } catch (error) {
      return checkError(error, kind, includes);
    }
    nodeAssert.fail("Expected function to throw");
  },

  async assertRejects<E extends Error>(
    run: () => PromiseLike<unknown>,
    kind: ErrorClass<E>,
    includes = "",
  ): Promise<E> {
    try {
      await run();
    } catch (error) {
      return checkError(error, kind, includes);
    }
    nodeAssert.fail("Expected function to reject");
  },
};

function checkError<E extends Error>(
  error: unknown,
  kind: ErrorClass<E>,
  includes: string,
): E {
  nodeAssert.ok(error instanceof kind, `Expected ${kind.name}, got ${error}`);
  builtin.assertStringIncludes(error.message, includes);
  return error;
}

const std = await loadFromJsr<typeof builtin>("jsr:@std/assert@^1") ?? builtin;

// An assertion function needs its type written out.
export const assert: typeof builtin.assert = std.assert;
export const {
  assertEquals,
  assertMatch,
  assertRejects,
  assertStringIncludes,
  assertThrows,
} = std;
