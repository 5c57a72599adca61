import { AcceptQueue } from "../core/accept_queue.ts";
import { setDeadline } from "../core/deadline.ts";
import type {
  Addr,
  Connection,
  Datagrams,
  Listener,
  Pem,
} from "../core/transport.ts";
import type { PlainConnection } from "../runtimes/runtime.ts";
import { BALANCER, makeAdmit, readBalancer, readNetwork } from "./networks.ts";
import { ProxiedConnection } from "./proxied_connection.ts";
import {
  LONGEST_HEADER,
  ProxyError,
  readProxyHeader,
} from "./proxy_protocol.ts";

/** The time for a header to come, in milliseconds. */
const PATIENCE = 5_000;
/** The number of connections whose headers may be under way at the same time. */
const MOST = 1_024;
/** The size of a buffer for a header, in bytes; few headers need a larger one. */
const USUAL = 512;

/** Reports whether a peer is a balancer. */
export type Trust = (addr: Addr) => boolean;

/** Makes the function that knows balancers by their places. Rejects with a TypeError. */
export async function makeTrust(balancers: readonly string[]): Promise<Trust> {
  if (!Array.isArray(balancers) || balancers.length === 0) {
    throw new TypeError(
      "The places of balancers must be an array that is not empty",
    );
  }
  for (const text of balancers) {
    if (readBalancer(text) !== undefined) continue;
    throw new TypeError(
      `Invalid balancer ${JSON.stringify(text)}: expected ${BALANCER}`,
    );
  }
  const networks = balancers.flatMap((text) => readNetwork(text) ?? []);
  const isInside = await makeAdmit(networks, []);
  return (addr) =>
    "path" in addr
      ? balancers.includes("unix")
      // No network would mean every network.
      : networks.length > 0 && isInside(addr);
}

/**
 * Accepts a connection when its PROXY header has been read. Several headers are
 * read at the same time, so that no slow one delays the others.
 */
export class ProxyListener<A extends Addr> implements Listener<A> {
  readonly addr: A;
  readonly reload?: (pem: Pem) => void;
  readonly stop?: () => void;
  readonly #listener: Listener<A>;
  readonly #trusts: Trust;
  /** Connections whose headers are under way. */
  readonly #greeting = new Set<Connection>();
  readonly #queue = new AcceptQueue<Connection>();
  #accepting = false;
  #ended = false;
  #closed = false;

  constructor(listener: Listener<A>, trusts: Trust) {
    this.addr = listener.addr;
    this.#listener = listener;
    this.#trusts = trusts;
    const { reload, stop } = listener;
    if (stop) this.stop = () => stop.call(listener);
    if (reload) this.reload = (pem) => reload.call(listener, pem);
  }

  get datagrams(): Datagrams | undefined {
    return this.#listener.datagrams;
  }

  accept(): Promise<Connection | null> {
    return this.#queue.next(() => this.#acceptNext());
  }

  /** Closes the listener. Rejects with its error, after the connections are closed. */
  async close(): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    for (const connection of [...this.#greeting, ...this.#queue.close()]) {
      closeQuietly(connection);
    }
    await this.#listener.close();
  }

  ref(): void {
    this.#listener.ref?.();
  }

  unref(): void {
    this.#listener.unref?.();
  }

  /** Accepts a connection while another one sends its header. */
  async #acceptNext(): Promise<void> {
    if (this.#accepting || this.#ended || this.#greeting.size >= MOST) return;
    this.#accepting = true;
    try {
      const connection = await this.#listener.accept();
      if (connection === null) this.#ended = true;
      else if (this.#closed) closeQuietly(connection);
      else this.#greet(connection);
    } catch (error) {
      this.#queue.fail(error);
    }
    this.#accepting = false;
    this.#goOn();
  }

  async #greet(connection: Connection): Promise<void> {
    this.#greeting.add(connection);
    try {
      const greeted = await greet(connection, this.#trusts);
      if (this.#closed) closeQuietly(greeted);
      else this.#queue.push(greeted);
    } catch (error) {
      // The connection does not say where it comes from.
      closeQuietly(connection);
      this.#queue.fail(error);
    }
    this.#greeting.delete(connection);
    this.#goOn();
  }

  #goOn(): void {
    if (this.#ended && this.#greeting.size === 0) this.#queue.end();
    else this.#queue.wake();
  }
}

/** Reads the header of a connection, and gives it its client, or a reason to refuse it. */
async function greet(
  peer: Connection | PlainConnection,
  trusts: Trust,
): Promise<Connection> {
  const { remoteAddr } = peer;
  const late = Promise.withResolvers<never>();
  const callOff = setDeadline(PATIENCE, () => {
    late.reject(new ProxyError(`no PROXY header within ${PATIENCE / 1000} s`));
  });
  try {
    if (!trusts(remoteAddr)) throw new ProxyError("not a balancer");
    const header = readHeader(peer);
    const { source, rest } = await Promise.race([header, late.promise]);
    return "startTls" in peer
      ? behind(peer.startTls(rest), source, new Uint8Array())
      : behind(peer, source, rest);
  } catch (error) {
    closeQuietly(peer);
    const reason = error instanceof ProxyError ? error.message : LEFT;
    return refused(remoteAddr, reason);
  } finally {
    callOff();
  }
}

/** Gives a connection its client, and what has been read of it. */
function behind(
  connection: Connection,
  source: Addr | undefined,
  rest: Uint8Array,
): Connection {
  return source || rest.length > 0
    ? new ProxiedConnection(connection, source, rest)
    : connection;
}

const LEFT = "the peer left before its PROXY header was there";

/** Reads a header, and returns what has come behind it as well. */
async function readHeader(
  connection: Connection,
): Promise<{ source: Addr | undefined; rest: Uint8Array }> {
  let bytes = new Uint8Array(USUAL);
  let length = 0;
  for (;;) {
    const count = await connection.read(bytes.subarray(length));
    if (!count) throw new ProxyError(LEFT);
    length += count;
    const header = readProxyHeader(bytes.subarray(0, length));
    if (header) {
      const rest = bytes.slice(header.length, length);
      return { source: header.source, rest };
    }
    if (length === bytes.length) {
      const longer = new Uint8Array(LONGEST_HEADER);
      longer.set(bytes);
      bytes = longer;
    }
  }
}

/** A connection that is closed already, and only says why. */
function refused(remoteAddr: Addr, error: string): Connection {
  const fail = () => Promise.reject(new Error("Connection closed"));
  return {
    remoteAddr,
    refused: { reason: "proxy", error },
    read: fail,
    write: fail,
    close() {},
  };
}

function closeQuietly(connection: Connection): void {
  Promise.try(() => connection.close()).catch(() => {});
}
