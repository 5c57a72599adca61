/** A header of version 2 with any kind of addresses, any command and any bytes behind. */
export function version2(
  kind: number,
  block: Iterable<number> = [],
  command = 0x21,
): Uint8Array<ArrayBuffer> {
  const bytes = [...block];
  return Uint8Array.of(
    ...new TextEncoder().encode("\r\n\r\n\0\r\nQUIT\n"),
    command,
    kind,
    bytes.length >> 8,
    bytes.length & 255,
    ...bytes,
  );
}

/** A header of version 1 with any text before its CR LF. */
export function version1(text: string): Uint8Array<ArrayBuffer> {
  return new TextEncoder().encode(`PROXY ${text}\r\n`);
}

/** 192.0.2.1:4660 to 192.0.2.2:7. */
export const INET = [192, 0, 2, 1, 192, 0, 2, 2, 0x12, 0x34, 0, 7];

/** A value of a header of version 2. */
export function value(type: number, bytes: Iterable<number>): number[] {
  const all = [...bytes];
  return [type, all.length >> 8, all.length & 255, ...all];
}
