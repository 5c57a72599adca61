import process from "node:process";

/** The longest path of a Unix socket, in bytes. */
export const LONGEST_PATH = process.platform === "linux" ? 107 : 103;

/** The size of a path, in bytes. */
export function sizeOf(path: string): number {
  return new TextEncoder().encode(path).length;
}
