/** Returns the next random number: from 0, less than 1. */
export type Random = () => number;

/**
 * Makes a sequence of random numbers that is always the same for the same seed and
 * purpose. Faults have sequences of their own, so one does not change another.
 *
 * @param seed Where it begins, a whole number of 32 bits.
 * @param purpose What it is for, for example the fault and the connection's number.
 */
export function randomFor(seed: number, ...purpose: unknown[]): Random {
  let state = seed;
  for (const letter of purpose.join()) {
    state = mix(state ^ letter.charCodeAt(0));
  }
  return () => {
    // The counter of SplitMix, in 32 bits.
    state = (state + 0x9e3779b9) | 0;
    return (mix(state) >>> 0) / 2 ** 32;
  };
}

/** Reports whether the next thing belongs to a share, in percent. */
export function isIn(share: number, random: Random): boolean {
  return random() * 100 < share;
}

/** Spreads the bits of a number: the finalizer of MurmurHash3. */
function mix(bits: number): number {
  bits = Math.imul(bits ^ (bits >>> 16), 0x85ebca6b);
  bits = Math.imul(bits ^ (bits >>> 13), 0xc2b2ae35);
  return bits ^ (bits >>> 16);
}
