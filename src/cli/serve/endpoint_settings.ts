import type { DatagramFaults, StreamFaults } from "../../core/fault_options.ts";
import type { Addr, FdAddr } from "../../core/transport.ts";
import type { Endpoint } from "../../listen/endpoint.ts";
import { BALANCER, readBalancer } from "../../listen/networks.ts";
import { type AcceptedParameters, readParameters } from "../parameters.ts";
import { FAULTS, readFaults } from "./fault_parameters.ts";

/** An endpoint of the server, with what its parameters say. */
export interface EndpointSettings {
  /**
   * The address to listen on, or an inherited socket; one that listens has its
   * address, where the system tells it.
   */
  readonly addr: Addr | FdAddr;
  /** How it misbehaves. */
  readonly faults?: StreamFaults & DatagramFaults;
  /** The places of its balancers, which send PROXY headers. */
  readonly proxy?: readonly string[] | undefined;
}

/** The parameters of the server's endpoints. */
const PARAMETERS = {
  ...FAULTS,
  proxy: ["tcp", "tls", "unix", "fd"],
} satisfies AcceptedParameters;

/** Reads the parameters of an endpoint. Throws a UsageError if one is invalid. */
export function readEndpointSettings(endpoint: Endpoint): EndpointSettings {
  const given = readParameters(endpoint, PARAMETERS);
  const faults = readFaults(endpoint, given);
  const proxy = given.valuesOf("proxy", BALANCER, readBalancer);
  return {
    addr: endpoint.addr,
    ...(faults && { faults }),
    ...(proxy.length > 0 && { proxy }),
  };
}
