import { isEverywhere, parseIp } from "../core/ip.ts";

/**
 * Makes the check of the `Host` of a request. It admits the address that is
 * listened on, `localhost`, and the given names, each with any port. A page of
 * another site, whose name has come to resolve to this machine, is not admitted.
 *
 * @param hostname The address that is listened on. Where it is every address of the
 * machine, any IP address is admitted: no page can have come by its name then.
 */
export function makeHostCheck(
  hostname: string,
  names: readonly string[],
): (host: string) => boolean {
  const own = parseIp(hostname) ?? hostname;
  const admitted = new Set(["localhost", ...names].map(canonical));
  return (host) => {
    const [, bracketed, plain = ""] =
      /^(?:\[([\da-f:.]+)\]|([^:[\]]+))(?::\d+)?$/i.exec(host) ?? [];
    const ip = parseIp(bracketed ?? plain);
    if (ip !== undefined && (isEverywhere(own) || ip === own)) return true;
    return admitted.has(ip ?? canonical(plain));
  };
}

function canonical(name: string): string {
  return parseIp(name.replace(/^\[(.*)\]$/, "$1")) ?? name.toLowerCase();
}
