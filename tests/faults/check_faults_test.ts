import type { DatagramFaults } from "../../mod.ts";
import {
  checkDatagramFaults,
  checkStreamFaults,
} from "../../src/faults/check_faults.ts";
import { assertEquals, assertThrows } from "../helpers/assert.ts";

/** Faults of an untyped program. */
function untyped(faults: object): object {
  return faults;
}

Deno.test("Faults within their bounds are right, and undefined is none", () => {
  checkStreamFaults({});
  checkStreamFaults({ delay: 0.5 });
  checkStreamFaults({
    delay: 0.5,
    jitter: 0.5,
    window: 1,
    rate: 1,
    slice: [1, 1],
    stall: 2 ** 31 - 1,
    after: 0,
    reset: 0,
    close: undefined,
    deaf: false,
    mute: true,
    corrupt: 0,
    share: 100,
    seed: 2 ** 32 - 1,
  });
  checkDatagramFaults({ drop: 100, duplicate: 0.1, reorder: 0, seed: 0 });
});

const TYPES: Record<string, object> = {
  "delay must be milliseconds, more than 0, at most 2147483647, but is 50ms": {
    delay: "50ms",
  },
  "delay must be milliseconds, more than 0, at most 2147483647, but is NaN": {
    delay: NaN,
  },
  "reset must be a whole number from 0, but is 1.5": { reset: 1.5 },
  "share must be a number of percent, from 0 to 100, but is 10%": {
    share: "10%",
    mute: true,
  },
  "mute must be true or false, but is 1": { mute: 1 },
  "deaf must be true or false, but is yes": { deaf: "yes" },
  "slice must be a whole number from 1, but is a": { slice: ["a", 2] },
  "slice must be a whole number from 1, but is 1.5": { slice: 1.5 },
  "after must be a whole number from 0, but is 0.5": { stall: 1, after: 0.5 },
  "rate must be a whole number from 1, but is 1,2": { rate: [1, 2] },
  "jitter needs delay": { jitter: 1 },
  "window needs delay": { window: 1 },
  "after needs stall": { after: 1 },
  "share needs a fault": { share: 50, seed: 1 },
};
const RANGES: Record<string, object> = {
  "delay must be milliseconds, more than 0, at most 2147483647, but is 2147483648":
    { delay: 2 ** 31 },
  "window must be a whole number from 1, but is 0": { delay: 1, window: 0 },
  "after must be a whole number from 0, but is -1": { stall: 1, after: -1 },
  "rate must be a whole number from 1, but is 9007199254740992": {
    rate: 2 ** 53,
  },
  "corrupt must be a number of percent, from 0 to 100, but is -1": {
    corrupt: -1,
  },
  "share must be a number of percent, from 0 to 100, but is 101": {
    share: 101,
    deaf: true,
  },
  "seed must be a whole number from 0 to 4294967295, but is -1": {
    seed: -1,
    deaf: true,
  },
  "slice must be a whole number from 1, but is 0": { slice: [1, 0] },
  "slice must be from the least to the most, but is 1": { slice: [1] },
  "slice must be from the least to the most, but is 1..2..3": {
    slice: [1, 2, 3],
  },
  "delay must be milliseconds, more than 0, at most 2147483647, but is 0": {
    delay: 0,
  },
  "stall must be milliseconds, more than 0, at most 2147483647, but is Infinity":
    { stall: Infinity },
  "rate must be a whole number from 1, but is 0": { rate: 0 },
  "close must be a whole number from 0, but is -1": { close: -1 },
  "corrupt must be a number of percent, from 0 to 100, but is 101": {
    corrupt: 101,
  },
  "seed must be a whole number from 0 to 4294967295, but is 4294967296": {
    seed: 2 ** 32,
    mute: true,
  },
  "slice must be from the least to the most, but is 2..1": { slice: [2, 1] },
  "jitter must be at most delay, 5, but is 6": { delay: 5, jitter: 6 },
};

Deno.test("Faults that are wrong are said to be", () => {
  for (const [message, faults] of Object.entries(TYPES)) {
    const error = assertThrows(
      () => checkStreamFaults(untyped(faults)),
      TypeError,
    );
    assertEquals(error.message, `Invalid faults: ${message}`);
  }
  for (const [message, faults] of Object.entries(RANGES)) {
    const error = assertThrows(
      () => checkStreamFaults(untyped(faults)),
      RangeError,
    );
    assertEquals(error.message, `Invalid faults: ${message}`);
  }
  assertThrows(() => checkStreamFaults(untyped({ share: 50 })), TypeError);
  for (const faults of [null, 7]) {
    assertThrows(
      () => Reflect.apply(checkStreamFaults, undefined, [faults]),
      TypeError,
      `Invalid faults: they must be an object, but are ${faults}`,
    );
  }
});

Deno.test("The shares of datagrams are percent", () => {
  for (const name of ["drop", "duplicate", "reorder"]) {
    for (const percent of [-1, 101]) {
      assertThrows(
        () => checkDatagramFaults(untyped({ [name]: percent })),
        RangeError,
        `Invalid faults: ${name} must be a number of percent, from 0 to 100`,
      );
    }
    checkDatagramFaults(untyped({ [name]: 0 }));
    checkDatagramFaults(untyped({ [name]: 100 }));
  }
});

Deno.test("A fault of the other kind is named, beside those that there are", () => {
  const datagram: DatagramFaults = untyped({ rate: 1 });
  const { message } = assertThrows(
    () => checkDatagramFaults(datagram),
    TypeError,
  );
  assertEquals(
    message,
    "Invalid faults: a datagram has no rate, but delay, jitter, window, " +
      "corrupt, share, seed, drop, duplicate, reorder",
  );
  assertThrows(
    () => checkStreamFaults(untyped({ drop: 1 })),
    TypeError,
    "drop",
  );
  assertThrows(
    () => checkStreamFaults(untyped({ toString: 1 })),
    TypeError,
    "toString",
  );
});
