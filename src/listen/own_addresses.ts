import { networkInterfaces } from "node:os";
import { mayListAddresses } from "./may_list_addresses.ts";

/**
 * Returns the addresses of this machine, those that belong to a link with its
 * name (`fe80::1%eth0`); undefined if they cannot be listed.
 */
export function ownAddresses(): readonly string[] | undefined {
  if (!mayListAddresses()) return undefined;
  return Object.entries(networkInterfaces()).flatMap(([link, addresses = []]) =>
    addresses.map(({ address }) =>
      address.startsWith("fe80:") ? `${address}%${link}` : address
    )
  );
}
