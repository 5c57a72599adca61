import type { Addr, Listener } from "../core/transport.ts";

/**
 * Makes a listener for clients that come through balancers which send a header of
 * the PROXY protocol, version 1 or 2, before anything else.
 *
 * Each connection then has the client of its header as its `remoteAddr`, and the
 * balancer as its `via`. Where the header tells of no client (`LOCAL` and
 * `UNKNOWN`, as in health checks), the balancer is the client. A connection is
 * refused, with the reason `"proxy"`, if it is from elsewhere, if its header is
 * malformed, or not there within 5 s. Up to 1,024 connections may be about to
 * send their headers.
 *
 * @example
 * ```ts
 * import { behindProxy, memoryListener, serve } from "@echod/echod";
 *
 * const listener = memoryListener();
 * await using server = serve(await behindProxy(listener, ["10.0.0.0/8"]), {
 *   onOpen: ({ remoteAddr, via }) => console.log(remoteAddr, via),
 * });
 * const balancer = { transport: "tcp", hostname: "10.0.0.1", port: 50_000 } as const;
 * const { readable, writable } = listener.connect(balancer);
 * const writer = writable.getWriter();
 * writer.write(new TextEncoder().encode(
 *   "PROXY TCP4 192.0.2.1 192.0.2.2 51234 3000\r\nHello World",
 * ));
 * const { value } = await readable.getReader().read();
 * console.log(new TextDecoder().decode(value));
 * ```
 *
 * @param listener A bound listener, which the new one closes.
 * @param balancers Where the balancers are: addresses and networks, such as
 * `10.0.0.0/8` or `2001:db8::/32`; `unix` for all that connect to a Unix socket.
 * @returns A promise of the listener. It rejects with a TypeError if a balancer is
 * none of these, or there is none.
 */
export async function behindProxy<A extends Addr>(
  listener: Listener<A>,
  balancers: readonly string[],
): Promise<Listener<A>> {
  // Loaded only here, because most servers do without.
  const { ProxyListener, makeTrust } = await import("./proxy_listener.ts");
  return new ProxyListener(listener, await makeTrust(balancers));
}
