/**
 * Returns the canonical form of an IP address: IPv6 in lower case and shortened,
 * an IPv4-mapped IPv6 address as IPv4, and no zone. Returns undefined if the text
 * is not an IP address.
 */
export function parseIp(text: string): string | undefined {
  if (/^[\d.]+$/.test(text)) {
    // URL.parse also accepts 127.1 and 0177.0.0.1, but rewrites them.
    return URL.parse(`http://${text}`)?.hostname === text ? text : undefined;
  }
  const [, plain] = /^([\da-f:.]+)(?:%.+)?$/i.exec(text) ?? [];
  const ip = URL.parse(`http://[${plain}]`)?.hostname.slice(1, -1);
  const [, high, low] = /^::ffff:(\w+):(\w+)$/.exec(ip ?? "") ?? [];
  if (high === undefined || low === undefined) return ip;
  return [high, low].map((group) => Number(`0x${group}`))
    .flatMap((group) => [group >> 8, group & 255]).join(".");
}

/** Returns what counts as one host: an IPv4 address, or the /64 network of an IPv6 address. */
export function hostOf(ip: string): string {
  const address = parseIp(ip) ?? ip;
  if (!address.includes(":")) return address;
  return `${groupsOf(address).slice(0, 4).join(":")}::/64`;
}

/** Returns the eight groups of an IPv6 address in the form of {@linkcode parseIp}. */
export function groupsOf(ipv6: string): string[] {
  const [head = [], tail = []] = ipv6.split("::")
    .map((part) => part.split(":").filter(Boolean));
  const zeros = Array<string>(8 - head.length - tail.length).fill("0");
  return [...head, ...zeros, ...tail];
}

/** Reports whether a host is a loopback name or address, which no other machine can reach. */
export function isLoopback(host: string): boolean {
  const address = parseIp(host);
  return host === "localhost" || address === "::1" ||
    address?.startsWith("127.") === true;
}

/** Reports whether a host name stands for every address of the machine. */
export function isEverywhere(hostname: string): boolean {
  return hostname === "::" || hostname === "0.0.0.0";
}
