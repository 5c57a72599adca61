/**
 * Jain's index of fairness: 1 if all values are equal, 1 / n if one of n has
 * everything; 1 for none.
 */
export function jain(values: readonly number[]): number {
  const sum = values.reduce((sum, value) => sum + value, 0);
  const squares = values.reduce((sum, value) => sum + value ** 2, 0);
  return squares === 0 ? 1 : sum ** 2 / (values.length * squares);
}
