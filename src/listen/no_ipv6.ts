import { createSocket } from "node:dgram";

/** What a system without IPv6 says: none in the kernel, or none switched on. */
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
    const socket = createSocket("udp6");
    const done = (missing: boolean) => {
      socket.close();
      resolve(missing);
    };
    socket.once(
      "error",
      (error) => done("code" in error && MISSING.has(error.code)),
    );
    socket.bind({ port: 0, address: "::1" }, () => done(false));
  });
}
