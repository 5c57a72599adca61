import { constants } from "node:os";

/** The POSIX name of an error number of the system; undefined if it has none. */
export function errnoName(number: number): string | undefined {
  return Object.entries(constants.errno)
    .find(([_, value]) => value === number)?.[0];
}
