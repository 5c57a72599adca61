/** Identifies a file, whatever its name. */
export type FileId = string;

/** Returns the identity of a file. */
export function idOf({ dev, ino }: { dev: number; ino: number }): FileId {
  return `${dev}:${ino}`;
}
