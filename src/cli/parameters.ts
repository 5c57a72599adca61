import type { Addr, FdAddr } from "../core/transport.ts";
import type { Endpoint } from "../listen/endpoint.ts";
import { type Read, UsageError } from "./command_line.ts";

/** The parameters that endpoints may have: the transports of each, by its name. */
export type AcceptedParameters<N extends string = string> = Readonly<
  Record<N, readonly (Addr | FdAddr)["transport"][]>
>;

/** The parameters of one endpoint. The methods throw a UsageError. */
export interface GivenParameters<N extends string> {
  /** Reports whether a parameter is given that takes no value. */
  isOn(name: N): boolean;
  /** Returns the value of a parameter, or undefined if it is not given. */
  valueOf<T>(name: N, accepted: string, read: Read<T>): T | undefined;
  /** Returns the values of a parameter that may be repeated. */
  valuesOf<T>(name: N, accepted: string, read: Read<T>): T[];
}

/**
 * Takes the parameters of an endpoint.
 *
 * @throws {UsageError} If there is no such parameter, or it belongs to another
 * transport; the message lists those that there are.
 */
export function readParameters<N extends string>(
  { url, addr, parameters }: Endpoint,
  accepted: AcceptedParameters<N>,
): GivenParameters<N> {
  const where = `in ${JSON.stringify(url)}`;
  const transports = new Map<string, readonly string[]>(
    Object.entries(accepted),
  );
  const own = [...transports.keys()]
    .filter((name) => transports.get(name)?.includes(addr.transport));
  for (const [name] of parameters) {
    if (own.includes(name)) continue;
    const others = transports.get(name);
    const what = others
      ? `Parameter ${name} ${where} belongs to ${schemes(others)}`
      : `Unknown parameter ${JSON.stringify(name)} ${where}`;
    const list = own.length > 0 ? own.join(", ") : "no parameters";
    throw new UsageError(`${what}: ${addr.transport}:// accepts ${list}`);
  }

  const all = (name: N) => parameters.filter(([given]) => given === name);
  const once = (name: N) => {
    const given = all(name);
    if (given.length <= 1) return given;
    throw new UsageError(
      `Parameter ${name} ${where} is given ${given.length} times: once is accepted`,
    );
  };
  const readValue = <T>(
    name: N,
    text: string | undefined,
    accepted: string,
    read: Read<T>,
  ): T => {
    const value = text ? read(text) : undefined;
    if (value !== undefined) return value;
    const what = text
      ? `Invalid value ${JSON.stringify(text)}`
      : "Missing value";
    throw new UsageError(
      `${what} for parameter ${name} ${where}: expected ${accepted}`,
    );
  };
  return {
    isOn(name) {
      const [given] = once(name);
      if (given?.[1] === undefined) return given !== undefined;
      throw new UsageError(
        `Invalid value ${
          JSON.stringify(given[1])
        } for parameter ${name} ${where}: it takes none`,
      );
    },
    valueOf: (name, accepted, read) =>
      once(name).map(([, text]) => readValue(name, text, accepted, read))[0],
    valuesOf: (name, accepted, read) =>
      all(name).map(([, text]) => readValue(name, text, accepted, read)),
  };
}

/** Lists transports: `tcp://, tls:// and unix://`. */
function schemes(transports: readonly string[]): string {
  const all = transports.map((transport) => `${transport}://`);
  const last = all.pop() ?? "";
  return all.length > 0 ? `${all.join(", ")} and ${last}` : last;
}
