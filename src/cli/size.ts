const UNITS: ReadonlyMap<string, number> = new Map([
  ["", 1],
  ["B", 1],
  ["KiB", 2 ** 10],
  ["MiB", 2 ** 20],
  ["GiB", 2 ** 30],
  ["TiB", 2 ** 40],
]);

/** Describes what {@linkcode readSize} accepts. */
export const SIZE = "a number of bytes, such as 64, 4KiB, 1MiB or 2GiB";

/** Describes what {@linkcode readSizeFrom0} accepts. */
export const SIZE_FROM_0 = "a number of bytes, such as 0, 64, 4KiB or 1MiB";

/** Describes what {@linkcode readSizes} accepts. */
export const SIZES = `${SIZE}, or two of them, such as 1..64KiB`;

/** Parses a size of at least 1 byte. Returns undefined if the text is not one. */
export function readSize(text: string): number | undefined {
  const { count, unit = "" } =
    /^(?<count>\d+(\.\d+)?)(?<unit>[A-Za-z]*)$/.exec(text)?.groups ?? {};
  const bytes = Number(count) * (UNITS.get(unit) ?? NaN);
  return Number.isSafeInteger(bytes) && bytes > 0 ? bytes : undefined;
}

/** Parses a size, which may be 0. Returns undefined if the text is not one. */
export function readSizeFrom0(text: string): number | undefined {
  return text === "0" ? 0 : readSize(text);
}

/** Parses `SIZE` or `SIZE..SIZE`. Returns undefined if the text is neither. */
export function readSizes(text: string): readonly [number, number] | undefined {
  const [least = NaN, most = least, ...others] = text.split("..")
    .map((part) => readSize(part) ?? NaN);
  return least <= most && others.length === 0 ? [least, most] : undefined;
}
