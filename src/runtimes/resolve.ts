import { isLoopback, parseIp } from "../core/ip.ts";

/** Finds all addresses of a name, in the system's order. */
export type Lookup = (hostname: string) => Promise<readonly string[]>;

/**
 * The addresses to bind for a name, which is the same on every runtime: all of
 * them if they are all loopback addresses, as those of `localhost` are, else the
 * first. An address stands for itself, in its canonical form: the system binds it
 * in any, but of its forms only that one is known to be every address.
 */
export async function addressesToBind(
  hostname: string,
  find: Lookup = lookupAll,
): Promise<readonly string[]> {
  const ip = parseIp(hostname);
  // The canonical form would have no zone.
  if (ip !== undefined) return [hostname.includes("%") ? hostname : ip];
  const all = [...new Set(await find(hostname))];
  return all.every(isLoopback) ? all : all.slice(0, 1);
}

/** Finds all addresses of a name, with the system's resolver. */
export async function lookupAll(hostname: string): Promise<readonly string[]> {
  // Bun would find the loopback addresses, where nobody else finds anything.
  if (hostname === "*") {
    throw Object.assign(new Error("no such host"), { code: "ENOTFOUND" });
  }
  // Loaded only for a name, because Deno takes longer to start with it.
  const { lookup } = await import("node:dns/promises");
  const found = await lookup(hostname, { all: true, order: "verbatim" });
  return found.map(({ address }) => address);
}
