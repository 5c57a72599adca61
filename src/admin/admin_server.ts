import { formatAddr } from "../core/format_addr.ts";
import type { Listener, NetAddr } from "../core/transport.ts";
import { hasDescriptor } from "./has_descriptor.ts";
import { makeHostCheck } from "./hosts.ts";
import { HttpServer } from "./http.ts";
import { makeHandler } from "./routes.ts";
import type { Source } from "./source.ts";

/** A running admin listener. `await using` closes it. */
export interface AdminServer extends AsyncDisposable {
  /** The address it listens on. */
  readonly addr: NetAddr;
  /** The URL of its page: `http://127.0.0.1:9090/`. */
  readonly url: string;
  /** Closes it and its connections. The echo server goes on. */
  close(): Promise<void>;
}

/**
 * Answers the HTTP requests that come to a bound listener, which it will close.
 *
 * @param hosts The names, besides the address and `localhost`, by which it may be asked.
 */
export function serveAdmin(
  listener: Listener<NetAddr>,
  source: Source,
  hosts: readonly string[],
): AdminServer {
  const { addr } = listener;
  const isAdmitted = makeHostCheck(addr.hostname, hosts);
  const handler = makeHandler(source, isAdmitted, hasDescriptor);
  const server = new HttpServer(listener, handler);
  return {
    addr,
    url: `http://${formatAddr(addr)}/`,
    close: () => server.close(),
    [Symbol.asyncDispose]: () => server.close(),
  };
}
