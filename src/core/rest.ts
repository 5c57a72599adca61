/** Copies the beginning of a chunk into a buffer, as much as fits. Returns the number of bytes. */
export function fill(p: Uint8Array, chunk: Uint8Array): number {
  const count = Math.min(chunk.length, p.length);
  p.set(chunk.subarray(0, count));
  return count;
}

/** What is left of a chunk behind its first `count` bytes; undefined if that is nothing. */
export function restOf(
  chunk: Uint8Array,
  count: number,
): Uint8Array | undefined {
  return count < chunk.length ? chunk.subarray(count) : undefined;
}
