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

/** Parses a size of at least 1 byte. Returns undefined if the text is not one. */
export function readSize(text: string): number | undefined {
  const { count, unit = "" } =
    /^(?<count>\d+(\.\d+)?)(?<unit>[A-Za-z]*)$/.exec(text)?.groups ?? {};
  const bytes = Number(count) * (UNITS.get(unit) ?? NaN);
  return Number.isSafeInteger(bytes) && bytes > 0 ? bytes : undefined;
}
