import { setDeadline } from "../core/deadline.ts";

/** Something did not happen in time. */
export class TimeoutError extends Error {
  override readonly name = "TimeoutError";

  /** For something that had `ms` milliseconds, such as `no answer`. */
  constructor(what: string, ms: number) {
    super(`${what} within ${ms / 1000} s`);
  }
}

/** Reports whether something did not happen in time, or one of several things. */
export function hasTimedOut(error: unknown): boolean {
  return error instanceof TimeoutError ||
    error instanceof AggregateError && error.errors.some(hasTimedOut);
}

/**
 * The result of `work`, or a {@linkcode TimeoutError} after `ms` milliseconds.
 * What comes later is given to `discard`.
 */
export async function within<T>(
  ms: number,
  what: string,
  work: Promise<T>,
  discard: (late: T) => void,
): Promise<T> {
  const { promise: timedOut, reject } = Promise.withResolvers<never>();
  const callOff = setDeadline(ms, () => reject(new TimeoutError(what, ms)));
  try {
    return await Promise.race([work, timedOut]);
  } catch (error) {
    if (error instanceof TimeoutError) work.then(discard, () => {});
    throw error;
  } finally {
    callOff();
  }
}
