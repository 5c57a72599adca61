import type { BenchResult } from "../../bench/bench.ts";
import { formatMicroseconds, formatRate } from "./format_figures.ts";
import { exceeded, type Limits } from "./limits.ts";

/** The rate to begin with, in messages a second. */
const FIRST = 1_000;
/** The number of messages that a p99 needs, and some more. */
const FEWEST = 110;
/** How close the two rates are between which the highest one is. */
const CLOSE = 1.05;
/** The part of a rate that has to be sent and echoed. */
const ENOUGH = 0.99;

/** A rate that was tried. */
export interface Step {
  readonly messagesPerSecond: number;
  readonly p99Us: number | null;
  /** Whether it keeps the limits. */
  readonly isKept: boolean;
  /** Why not. */
  readonly reasons: readonly string[];
}

/** What was found. */
export interface Found {
  /** The highest rate that keeps the limits, or null. */
  readonly messagesPerSecond: number | null;
  readonly steps: readonly Step[];
  /** The result at that rate, or null. */
  readonly result: BenchResult | null;
}

/**
 * Finds the highest rate that keeps the limits: doubles it until it does not keep
 * them, then halves the interval until its ends are 5 % apart. A rate that does not
 * keep them is tried once more, in case something else has disturbed it. Each try
 * counts messages for `duration`, in milliseconds. Ends early, with what it knows,
 * when a run is interrupted, or cannot be had.
 */
export async function findRate(
  measure: (rate: number) => Promise<BenchResult | undefined>,
  limits: Limits,
  onStep: (step: Step) => void | Promise<void>,
  { first = FIRST, duration }: { first?: number | undefined; duration: number },
): Promise<Found> {
  const steps: Step[] = [];
  const lowest = FEWEST / duration * 1000;
  let best: BenchResult | null = null;
  let [low, high] = [0, Infinity];
  let rate = Math.max(first, Math.ceil(lowest));
  let isSecondTry = false;
  while (rate >= lowest && high > low * CLOSE) {
    const result = await measure(rate);
    if (!result || result.endedEarly === "interrupted") break;
    // What was in flight might have been slow.
    if (result.notAwaited > 0) break;
    const reasons = judge(result, limits);
    const step = {
      messagesPerSecond: rate,
      p99Us: result.latencyUs.p99,
      isKept: reasons.length === 0,
      reasons,
    };
    steps.push(step);
    await onStep(step);
    if (step.isKept) {
      low = rate;
      best = result;
    } else if (!isSecondTry) {
      isSecondTry = true;
      continue;
    } else {
      high = rate;
    }
    isSecondTry = false;
    rate = high === Infinity ? low * 2 : (low + high) / 2;
    // To keep a rate that a person can type.
    if (rate >= 10) rate = Math.round(rate);
  }
  return { messagesPerSecond: best && low, steps, result: best };
}

/** Says why a rate is too high; nothing if it is not. */
function judge(result: BenchResult, limits: Limits): string[] {
  const { ratesPerSecond, endedEarly, firstErrors } = result;
  const reasons = exceeded(result, limits);
  if (ratesPerSecond) {
    const { asked, sent, echoed } = ratesPerSecond;
    if (sent < ENOUGH * asked) {
      reasons.push(`the client sent only ${formatRate(sent)}/s`);
    } else if (echoed < ENOUGH * asked) {
      reasons.push(`only ${formatRate(echoed)}/s were echoed`);
    }
  }
  if (endedEarly !== null) reasons.push(endedEarly);
  reasons.push(...firstErrors.map(({ kind }) => `errors: ${kind}`));
  return reasons;
}

/** Formats a rate that was tried. */
export function formatStep(
  { messagesPerSecond, p99Us, isKept, reasons }: Step,
): string {
  const rate = `${formatRate(messagesPerSecond)}/s`.padStart(12);
  const p99 = `p99 ${formatMicroseconds(p99Us)}`.padEnd(12);
  return `${rate}  ${p99}  ${isKept ? "kept" : reasons.join("; ")}`;
}

/** Formats what was found, in one line. */
export function formatFound({ messagesPerSecond }: Found): string {
  return messagesPerSecond === null
    ? "No rate was found that keeps the limits"
    : `The highest rate that keeps the limits is ${
      formatRate(messagesPerSecond)
    }/s, to 5 %`;
}
