import { explain } from "../core/error_message.ts";
import { parseIp } from "../core/ip.ts";
import type { NetAddr } from "../core/transport.ts";
import { CONNECT_REASONS, type Connector, NO_ANSWER } from "./connector.ts";
import { lookupAll } from "./resolve.ts";
import { hasTimedOut, within } from "./timeout.ts";

/** How long the answer to a first datagram is waited for, in milliseconds. */
const PATIENCE = 1_000;

/** Finds the addresses of a name that may be connected to. */
export type Find = (addr: NetAddr) => Promise<readonly string[]>;

/**
 * Connects to the first address of a name that can be connected to: they are
 * tried one after another, and that one is tried first from then on. Over UDP an
 * address that answers a datagram of one byte is preferred. An error names all
 * that were tried.
 */
export function tryEachAddress(
  connector: Connector,
  find: Find = ({ hostname }) => lookupAll(hostname),
): Connector {
  /** The addresses of each endpoint with a name, in the order to try them. */
  const known = new Map<string, Promise<string[]>>();

  async function resolve(addr: NetAddr): Promise<string[]> {
    // Without one, the runtime itself says why.
    const addresses = [...await find(addr).catch(() => [])];
    if (addr.transport === "udp" && addresses.length > 1) {
      try {
        await tryAll(addr, addresses, (one) => probe(connector, one));
      } catch (error) {
        // The datagram may have been lost.
        if (!hasTimedOut(error)) throw error;
      }
    }
    return addresses;
  }

  return {
    async connect(addr, handler, serverName) {
      if ("path" in addr || parseIp(addr.hostname) !== undefined) {
        return await connector.connect(addr, handler, serverName);
      }
      const name = `${addr.hostname}:${addr.port}`;
      const resolved = known.get(name) ?? resolve(addr);
      known.set(name, resolved);
      const addresses = await resolved;
      if (addresses.length < 2) {
        return await connector.connect(addr, handler, serverName);
      }
      return await tryAll(
        addr,
        addresses,
        (one) => connector.connect(one, handler, serverName ?? addr.hostname),
      );
    },
  };
}

/** Opens the first address that can be opened, and moves it to the front. */
async function tryAll<T>(
  addr: NetAddr,
  addresses: string[],
  open: (addr: NetAddr) => Promise<T>,
): Promise<T> {
  const errors: unknown[] = [];
  const reasons: string[] = [];
  for (const hostname of [...addresses]) {
    try {
      const opened = await open({ ...addr, hostname });
      addresses.splice(addresses.indexOf(hostname), 1);
      addresses.unshift(hostname);
      return opened;
    } catch (error) {
      errors.push(error);
      reasons.push(`${hostname}: ${explain(error, CONNECT_REASONS)}`);
    }
  }
  throw new AggregateError(errors, reasons.join("; "));
}

/** Resolves when an address answers a datagram. */
async function probe(connector: Connector, addr: NetAddr): Promise<void> {
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  const socket = await connector.connect(addr, {
    onData: () => resolve(),
    onDrain() {},
    onEnd: reject,
  });
  try {
    socket.write(new Uint8Array(1), 0, 1);
    await within(PATIENCE, NO_ANSWER, promise, () => {});
  } finally {
    socket.close();
  }
}
