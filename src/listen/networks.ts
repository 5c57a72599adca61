import { parseIp } from "../core/ip.ts";
import type { Addr } from "../core/transport.ts";

/** A network: the addresses that begin with the same bits. */
export interface Network {
  /** One of its addresses, in the form of {@linkcode parseIp}. */
  readonly ip: string;
  /** The number of bits. */
  readonly prefix: number;
}

/** Describes what {@linkcode readNetwork} accepts. */
export const NETWORK =
  "an address or a network, such as 192.0.2.1, 10.0.0.0/8 or 2001:db8::/32";

/** Parses `ADDRESS/BITS` or `ADDRESS`. Returns undefined if the text is neither. */
export function readNetwork(text: string): Network | undefined {
  const [, address = "", bits] = /^([^/%]+)(?:\/(\d{1,3}))?$/.exec(text) ?? [];
  const ip = parseIp(address);
  if (ip === undefined) return undefined;
  const length = lengthOf(ip);
  // In an IPv4-mapped address, 96 bits precede those of the IPv4 address.
  const mapped = address.includes(":") ? 128 - length : 0;
  const prefix = bits === undefined ? length : Number(bits) - mapped;
  return prefix >= 0 && prefix <= length ? { ip, prefix } : undefined;
}

/** Describes what {@linkcode readBalancer} accepts. */
export const BALANCER: string = `${NETWORK}, or unix`;

/**
 * Checks the place of balancers: a network, an address, or `unix` for all that
 * connect to a Unix socket. Returns undefined if the text is none of them.
 */
export function readBalancer(text: string): string | undefined {
  return text === "unix" || readNetwork(text) ? text : undefined;
}

/**
 * Makes the function that decides which clients to admit. The most specific
 * network that contains an address decides; between equals, deny wins. An address
 * in no network is admitted if the allowed list is empty.
 */
export async function makeAdmit(
  allowed: readonly Network[],
  denied: readonly Network[],
): Promise<(remoteAddr: Addr) => boolean> {
  // Loaded only here, because it adds half to the time that Deno takes to start.
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
