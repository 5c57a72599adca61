import { STANDSTILL } from "./standstill.ts";

/**
 * Calls `act` in `ms` milliseconds, when a peer's time is up. If the process stood
 * still then, as a stopped one does, what came has not been read yet: it gets a
 * moment more. Returns a function that calls it off.
 */
export function setDeadline(ms: number, act: () => void): () => void {
  const due = performance.now() + ms;
  let timer = setTimeout(() => {
    const hasStood = performance.now() > due + STANDSTILL;
    if (hasStood) timer = setTimeout(act, STANDSTILL);
    else act();
  }, ms);
  return () => clearTimeout(timer);
}
