/** What a faulty server makes of a byte at a position: bytes, or the end of the connection. */
export type Server = (byte: number, position: number) => number[] | null;

/** Makes faults, all of them at the position 1,000. Each is for one connection. */
export const FAULTS: Record<string, () => Server> = {
  none: () => (byte) => [byte],
  altered: () => (byte, at) => [at === 1_000 ? byte ^ 1 : byte],
  dropped: () => (byte, at) => at >= 1_000 && at < 1_010 ? [] : [byte],
  reordered() {
    const held: number[] = [];
    return (byte, at) => {
      if (at < 1_000 || at >= 1_020) return [byte];
      if (at < 1_010) held.push(byte);
      return at < 1_010 ? [] : at === 1_019 ? [byte, ...held] : [byte];
    };
  },
  repeated() {
    const kept: number[] = [];
    return (byte, at) => {
      if (at >= 1_000 && at < 1_020) kept.push(byte);
      return at === 1_019 ? [byte, ...kept] : [byte];
    };
  },
  prefixed: () => (byte, at) => at === 0 ? [...HELLO, byte] : [byte],
  inserted: () => (byte, at) => at === 1_000 ? [...HELLO, byte] : [byte],
  truncated: () => (byte, at) => at < 1_000 ? [byte] : null,
};

const HELLO = new TextEncoder().encode("220 ready\r\n");

/** How many bytes each is, and where. */
export const EXPECTED: Record<string, { count: number; offset: number }> = {
  altered: { count: 1, offset: 1_000 },
  dropped: { count: 10, offset: 1_000 },
  reordered: { count: 10, offset: 1_000 },
  repeated: { count: 20, offset: 1_000 },
  prefixed: { count: 11, offset: 0 },
  inserted: { count: 11, offset: 1_000 },
};
