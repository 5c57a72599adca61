import type { BenchResult } from "../../../src/bench/bench.ts";
import {
  findRate,
  formatFound,
  formatStep,
  type Step,
} from "../../../src/cli/bench/find_rate.ts";
import { assert, assertEquals } from "../../helpers/assert.ts";
import { RESULT } from "../../helpers/bench_result.ts";

/** The result of a server that keeps a p99 of 1 ms up to a rate. */
function measure(capacity: number, rate: number): BenchResult {
  return {
    ...RESULT,
    ratesPerSecond: { asked: rate, sent: rate, echoed: rate },
    latencyUs: {
      ...RESULT.latencyUs,
      p99: rate <= capacity ? 1_000 : 9_000,
    },
  };
}

const LIMITS = { maxP99: 5 };

Deno.test("findRate() finds the highest rate, to 5 %, from above and from below", async () => {
  for (const capacity of [150, 1_000, 7_777, 250_000]) {
    const steps: Step[] = [];
    const { messagesPerSecond, result } = await findRate(
      (rate) => Promise.resolve(measure(capacity, rate)),
      LIMITS,
      (step) => void steps.push(step),
      { duration: 1_000 },
    );
    assert(messagesPerSecond !== null);
    assert(messagesPerSecond <= capacity);
    assert(messagesPerSecond >= capacity / 1.06);
    assertEquals(result?.ratesPerSecond?.asked, messagesPerSecond);
    assertEquals(steps[0]?.messagesPerSecond, 1_000);
    assert(steps.length < 30);
  }
});

Deno.test("findRate() tries a rate once more before it takes it for too high", async () => {
  let tries = 0;
  const found = await findRate(
    (rate) => Promise.resolve(measure(++tries === 1 ? 0 : 5_000, rate)),
    LIMITS,
    () => {},
    { first: 4_000, duration: 1_000 },
  );
  assertEquals(found.steps.slice(0, 3).map((step) => step.isKept), [
    false,
    true,
    false,
  ]);
  assert((found.messagesPerSecond ?? 0) > 4_700);
});

Deno.test("findRate() begins with the lowest rate whose p99 is known, and ends where there is no result", async () => {
  const found = await findRate(
    (rate) => Promise.resolve(rate > 400 ? undefined : measure(400, rate)),
    LIMITS,
    () => {},
    { first: 10, duration: 1_000 },
  );
  const rates = found.steps.map((step) => step.messagesPerSecond);
  assertEquals([rates, found.messagesPerSecond], [[110, 220], 220]);
});

Deno.test("findRate() goes on when a step has been told", async () => {
  let isTelling = false;
  const told: number[] = [];
  const { steps } = await findRate(
    (rate) => {
      assert(!isTelling);
      return Promise.resolve(measure(3_000, rate));
    },
    LIMITS,
    async ({ messagesPerSecond }) => {
      isTelling = true;
      await Promise.resolve();
      told.push(messagesPerSecond);
      isTelling = false;
    },
    { first: 2_000, duration: 1_000 },
  );
  assertEquals(told, steps.map((step) => step.messagesPerSecond));
});

Deno.test("findRate() finds nothing where no rate keeps the limits", async () => {
  const found = await findRate(
    (rate) => Promise.resolve(measure(0, rate)),
    LIMITS,
    () => {},
    { duration: 1_000 },
  );
  assertEquals([found.messagesPerSecond, found.result], [null, null]);
  // Below 110 messages there is no p99.
  assertEquals(found.steps.at(-1)?.messagesPerSecond, 125);
  assertEquals(formatFound(found), "No rate was found that keeps the limits");
});

Deno.test("findRate() takes no rate that is not sent, not echoed, or not without faults", async () => {
  const bad: Partial<BenchResult>[] = [
    { ratesPerSecond: { asked: 1_000, sent: 989, echoed: 989 } },
    { ratesPerSecond: { asked: 1_000, sent: 1_000, echoed: 989 } },
    { endedEarly: "no connection left" },
    { firstErrors: [{ kind: "altered", connection: 1, offset: 0, count: 1 }] },
  ];
  const reasons: string[] = [];
  for (const one of bad) {
    const { steps: [step] } = await findRate(
      (rate) => Promise.resolve({ ...measure(1e9, rate), ...one }),
      LIMITS,
      () => {},
      { duration: 200 },
    );
    assert(step && !step.isKept);
    reasons.push(...step.reasons);
  }
  assertEquals(reasons, [
    "the client sent only 989/s",
    "only 989/s were echoed",
    "no connection left",
    "errors: altered",
  ]);
});

Deno.test("findRate() ends when a run is interrupted, with what it knows", async () => {
  for (const third of [{ endedEarly: "interrupted" }, { notAwaited: 1 }]) {
    let runs = 0;
    const found = await findRate(
      (rate) =>
        Promise.resolve({ ...measure(1e9, rate), ...(++runs === 3 && third) }),
      LIMITS,
      () => {},
      { duration: 1_000 },
    );
    assertEquals([runs, found.messagesPerSecond], [3, 2_000]);
    assertEquals(
      formatFound(found),
      "The highest rate that keeps the limits is 2,000/s, to 5 %",
    );
  }
});

Deno.test("formatStep() says how a rate did", () => {
  const step = { messagesPerSecond: 8_000, p99Us: 1_000, reasons: [] };
  assertEquals(
    formatStep({ ...step, isKept: true }),
    "     8,000/s  p99 1.00 ms   kept",
  );
  assertEquals(
    formatStep({ ...step, isKept: false, reasons: ["one", "two"] }),
    "     8,000/s  p99 1.00 ms   one; two",
  );
});
