import type { DatagramFaults, StreamFaults } from "../../core/fault_options.ts";
import type { Addr } from "../../core/transport.ts";
import type { Endpoint } from "../../listen/endpoint.ts";
import { type AcceptedParameters, readParameters } from "../parameters.ts";
import { FAULTS, readFaults } from "./fault_parameters.ts";

/** An endpoint of the server, with what its parameters say. */
export interface EndpointSettings {
  /** The address to listen on. */
  readonly addr: Addr;
  /** How it misbehaves. */
  readonly faults?: StreamFaults & DatagramFaults;
}

/** The parameters of the server's endpoints. */
const PARAMETERS = { ...FAULTS } satisfies AcceptedParameters;

/** Reads the parameters of an endpoint. Throws a UsageError if one is invalid. */
export function readEndpoint(endpoint: Endpoint): EndpointSettings {
  const given = readParameters(endpoint, PARAMETERS);
  const faults = readFaults(endpoint, given);
  return { addr: endpoint.addr, ...(faults && { faults }) };
}
