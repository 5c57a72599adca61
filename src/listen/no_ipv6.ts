import { createSocket } from "node:dgram";

/** Errors of a system without IPv6: not in the kernel, or switched off. */
const MISSING: ReadonlySet<unknown> = new Set([
  "EAFNOSUPPORT",
  "EADDRNOTAVAIL",
]);

/**
 * Whether the machine has no IPv6. It asks for a UDP socket, of which every
 * runtime tells the system's own reason.
 */
export function hasNoIpv6(): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = createSocket({
      type: "udp6",
      // At once, so that what Deno does not permit throws here.
      lookup: (hostname, _, found) => found(null, hostname, 6),
    });
    const done = (missing: boolean) => {
      socket.close();
      resolve(missing);
    };
    socket.once(
      "error",
      (error) => done("code" in error && MISSING.has(error.code)),
    );
    try {
      socket.bind({ port: 0, address: "::1" }, () => done(false));
    } catch {
      // Nobody can tell; who asks has an error of its own, or will have.
      done(false);
    }
  });
}
