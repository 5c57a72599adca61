import type { Addr } from "../../core/transport.ts";
import type { Endpoint } from "../../listen/endpoint.ts";
import { type AcceptedParameters, readParameters } from "../parameters.ts";

/** An endpoint of the server, with what its parameters say. */
export interface EndpointSettings {
  /** The address to listen on. */
  readonly addr: Addr;
}

/** The parameters of the server's endpoints. */
const PARAMETERS = {} satisfies AcceptedParameters;

/** Reads the parameters of an endpoint. Throws a UsageError if one is invalid. */
export function readEndpoint(endpoint: Endpoint): EndpointSettings {
  readParameters(endpoint, PARAMETERS);
  return { addr: endpoint.addr };
}
