import type { Addr } from "../core/transport.ts";
import type { Ends } from "./self_connection.ts";

/** Makes what a client sends before anything else, of the two ends of its connection. */
export type Greet = (local: Addr, remote: Addr) => Uint8Array;

/** The greeting of a connection to `addr`, whose ends the system has told. */
export function greetingOf(greet: Greet, addr: Addr, ends: Ends): Uint8Array {
  // A client's Unix socket has no name.
  if ("path" in addr) return greet({ transport: "unix", path: "" }, addr);
  const { localAddress = "", localPort = 0 } = ends;
  const { remoteAddress = "", remotePort = 0 } = ends;
  return greet(
    { transport: "tcp", hostname: localAddress, port: localPort },
    { transport: "tcp", hostname: remoteAddress, port: remotePort },
  );
}
