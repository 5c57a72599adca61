import { lookup } from "node:dns/promises";
import { BlockList, isIP } from "node:net";

/** Finds all addresses of a name, in the system's order. */
export type Lookup = (hostname: string) => Promise<readonly string[]>;

/**
 * The addresses to bind for a name, which is the same on every runtime: all of
 * them if they are all loopback addresses, as those of `localhost` are, else the
 * first. An address stands for itself.
 */
export async function addressesToBind(
  hostname: string,
  find: Lookup = lookupAll,
): Promise<readonly string[]> {
  if (isIP(hostname)) return [hostname];
  const all = [...new Set(await find(hostname))];
  const loopback = new BlockList();
  loopback.addSubnet("127.0.0.0", 8, "ipv4");
  loopback.addAddress("::1", "ipv6");
  const isLoopback = (address: string) =>
    loopback.check(address, isIP(address) === 6 ? "ipv6" : "ipv4");
  return all.every(isLoopback) ? all : all.slice(0, 1);
}

async function lookupAll(hostname: string): Promise<readonly string[]> {
  const found = await lookup(hostname, { all: true, order: "verbatim" });
  return found.map(({ address }) => address);
}
