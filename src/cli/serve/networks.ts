import { parseIp } from "../../core/ip.ts";
import type { Addr } from "../../core/transport.ts";

/** The addresses that begin with the same bits. */
export interface Network {
  /** One of them, in the form of {@linkcode parseIp}. */
  readonly ip: string;
  /** How many bits. */
  readonly prefix: number;
}

/** What {@linkcode readNetwork} reads. */
export const NETWORK =
  "an address or a network, such as 192.0.2.1, 10.0.0.0/8 or 2001:db8::/32";

/** The network that `ADDRESS/BITS` stands for, or `ADDRESS` alone; undefined if it is none. */
export function readNetwork(text: string): Network | undefined {
  const [, address = "", bits] = /^([^/%]+)(?:\/(\d{1,3}))?$/.exec(text) ?? [];
  const ip = parseIp(address);
  if (ip === undefined) return undefined;
  const length = lengthOf(ip);
  // An IPv4-mapped address has the 96 bits of ::ffff: before those of IPv4.
  const mapped = address.includes(":") ? 128 - length : 0;
  const prefix = bits === undefined ? length : Number(bits) - mapped;
  return prefix >= 0 && prefix <= length ? { ip, prefix } : undefined;
}

/**
 * Who may come in: the most specific network that an address is in decides, and
 * between equals the denied one. An address in none of them may if nothing was
 * expressly allowed.
 */
export async function makeAdmit(
  allowed: readonly Network[],
  denied: readonly Network[],
): Promise<(remoteAddr: Addr) => boolean> {
  // Here, as loading it takes half as long as it takes Deno to start.
  const { BlockList } = await import("node:net");
  const rule = ({ ip, prefix }: Network, allow: boolean) => {
    const network = new BlockList();
    network.addSubnet(ip, prefix, familyOf(ip));
    return { network, family: familyOf(ip), prefix, allow };
  };
  const rules = [
    ...denied.map((network) => rule(network, false)),
    ...allowed.map((network) => rule(network, true)),
  ].sort((one, other) => other.prefix - one.prefix);

  return (remoteAddr) => {
    if ("path" in remoteAddr) return true;
    const ip = parseIp(remoteAddr.hostname);
    if (ip === undefined) return false;
    const family = familyOf(ip);
    const decisive = rules.find((rule) =>
      rule.family === family && rule.network.check(ip, family)
    );
    return decisive?.allow ?? allowed.length === 0;
  };
}

function familyOf(ip: string): "ipv4" | "ipv6" {
  return ip.includes(":") ? "ipv6" : "ipv4";
}

function lengthOf(ip: string): 32 | 128 {
  return familyOf(ip) === "ipv6" ? 128 : 32;
}
