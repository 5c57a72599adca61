import { exceeded, type Limits } from "../../../src/cli/bench/limits.ts";
import { assertEquals } from "../../helpers/assert.ts";
import { RESULT } from "../../helpers/bench_result.ts";

const datagrams = {
  sent: 1_000,
  received: 980,
  lost: 20,
  lostPercent: 2,
  unread: 0,
  duplicated: 0,
  reordered: 0,
  jitterUs: 12,
};
const few = {
  ...RESULT,
  latencyUs: { ...RESULT.latencyUs, p99: null },
};
/** 122,965 messages/s, a p99 of 1,234 µs, and over UDP 2 % lost. */
const CASES: [what: string, limits: Limits, result: typeof RESULT, string[]][] =
  [
    ["no limit", {}, RESULT, []],
    ["limits that are kept", { maxP99: 1.234, minRate: 122_965 }, RESULT, []],
    ["a p99 that is too long", { maxP99: 1.233 }, RESULT, [
      "The p99 is 1.23 ms: --max-p99 accepts 1.23 ms",
    ]],
    ["a p99 that is not known", { maxP99: 5 }, few, [
      "The p99 is not known, of fewer than 100 messages: --max-p99 accepts 5.00 ms",
    ]],
    ["a rate that is too low", { minRate: 200_000 }, RESULT, [
      "122,965 messages/s came back: --min-rate accepts 200,000 or more",
    ]],
    ["any loss, unless it is accepted", {}, { ...RESULT, datagrams }, [
      "2.00 % of the datagrams were lost: --max-loss accepts 0 %",
    ]],
    ["more loss than is accepted", { maxLoss: 1.5 }, { ...RESULT, datagrams }, [
      "2.00 % of the datagrams were lost: --max-loss accepts 1.50 %",
    ]],
    ["as much loss as is accepted", { maxLoss: 2 }, {
      ...RESULT,
      datagrams,
    }, []],
  ];

for (const [what, limits, result, expected] of CASES) {
  Deno.test(`exceeded() judges ${what}`, () => {
    assertEquals(exceeded(result, limits), expected);
  });
}
