import { loadRuntime } from "../runtimes/detect.ts";
import type { Connector, ConnectorOptions } from "../runtimes/connector.ts";

/** How to connect. Unlike {@linkcode ConnectorOptions}, it can be sent to a thread. */
export interface ConnectOptions extends Omit<ConnectorOptions, "greet"> {
  /** The version of the PROXY header before the first byte of each connection. */
  readonly proxyProtocol?: 1 | 2 | undefined;
}

/** Loads the runtime's connector. */
export async function loadConnector(
  { proxyProtocol, ...options }: ConnectOptions,
): Promise<Connector> {
  const runtime = await loadRuntime();
  if (proxyProtocol === undefined) return await runtime.loadConnector(options);
  const { makeProxyHeader } = await import("../listen/proxy_protocol.ts");
  return await runtime.loadConnector({
    ...options,
    greet: (local, remote) => makeProxyHeader(proxyProtocol, local, remote),
  });
}
