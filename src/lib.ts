/**
 * A TCP echo server for programs: `listen` binds a socket, `serve` sends back
 * what its clients send.
 *
 * @example
 * ```ts
 * import { listen, serve } from "@echod/echod";
 *
 * await using server = serve(await listen({ port: 0 }));
 * console.log(server.addr);
 * ```
 *
 * @module
 */
export { echo } from "./core/echo.ts";
export { faultyConnection } from "./faults/faulty_connection.ts";
export { faultyListener } from "./faults/faulty_listener.ts";
export { InjectedFault } from "./core/injected_fault.ts";
export { memoryListener } from "./core/memory_listener.ts";
export { fromStreams } from "./core/streams.ts";
export { behindProxy } from "./listen/behind_proxy.ts";
export { listen } from "./listen/listen.ts";
export { serve } from "./core/server.ts";
export type {
  ClosedConnection,
  CloseReason,
  Limits,
  OpenConnection,
  RefusalDetails,
  RefuseReason,
  ServedConnection,
  ServeOptions,
} from "./core/serve_options.ts";
export type { Echoable } from "./core/echo.ts";
export type { EndingFault } from "./core/injected_fault.ts";
export type {
  CommonFaults,
  DatagramFaults,
  StreamFaults,
  UnixFaults,
} from "./core/fault_options.ts";
export type { Durations, EndpointStats, Sums } from "./core/counts.ts";
export type { MemoryListener } from "./core/memory_listener.ts";
export type { StreamPair } from "./core/streams.ts";
export type { EchoServer, ShutdownOptions, Stats } from "./core/echo_server.ts";
export type {
  Addr,
  BoundListener,
  Connection,
  Datagrams,
  FdListenOptions,
  Listener,
  ListenOptions,
  NetAddr,
  Pem,
  Refusal,
  TcpListenOptions,
  TlsListenOptions,
  UdpListenOptions,
  UnixAddr,
  UnixListenOptions,
} from "./core/transport.ts";
