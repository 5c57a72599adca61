import type { Addr, NetAddr } from "../../core/transport.ts";
import { Turnstile } from "../../core/turnstile.ts";
import {
  type Connector,
  type ConnectorOptions,
  NO_ANSWER,
  NO_HANDSHAKE,
  type Socket,
  type SocketHandler,
} from "../connector.ts";
import { tryEachAddress } from "../each_address.ts";
import { type Greet, greetingOf } from "../greeting.ts";
import { lookupAll } from "../resolve.ts";
import { type Ends, refuseSelf } from "../self_connection.ts";
import { errnoName } from "../errno_name.ts";
import { within } from "../timeout.ts";
import { connectUdp } from "../connect_udp.ts";
import { withLookup } from "../lookup_error.ts";
import { isError } from "../../core/error_message.ts";
import { readTlsError } from "../tls.ts";
import { UDP_TABLES, UdpTable } from "../udp_table.ts";

/** Connects with `Deno.connect`. */
export function createConnector(options: ConnectorOptions): Connector {
  // The event loop starves the connections of a client as it does those of a server.
  const turnstile = new Turnstile();
  const udp = {
    connects: false,
    largest: options.chunkSize,
    // What is sent together leaves in the reverse order.
    atOnce: 1,
    table: openUdpTable(),
    findReason,
  };
  // Deno's own always checks.
  let isOverNode = options.insecure;
  return tryEachAddress({
    async connect(addr, handler, serverName) {
      if (addr.transport === "udp") return connectUdp(addr, handler, udp);
      const isTls = addr.transport === "tls";
      const overNode = async () =>
        (await loadNode(options)).connect(addr, handler, serverName);
      if (isTls && isOverNode) return await overNode();
      try {
        const connection = await tryToOpen(addr, options, serverName);
        const { chunkSize } = options;
        return new DenoSocket(connection, handler, turnstile, chunkSize);
      } catch (error) {
        if (!isTls || options.ca === undefined || !isAuthority(error)) {
          throw error;
        }
        isOverNode = true;
        return await overNode();
      }
    },
  }, findPermitted);
}

/**
 * Reports whether Deno refuses a certificate because it is an authority's, even
 * one that is given as trusted. Over `node:tls`, Deno does take that.
 */
function isAuthority(error: unknown): boolean {
  return error instanceof Error && error.cause instanceof Error &&
    error.cause.message.includes("CaUsedAsEndEntity");
}

/** Finds the addresses of a name, if all may be connected to. */
async function findPermitted(
  { hostname, port }: NetAddr,
): Promise<readonly string[]> {
  const addresses = await lookupAll(hostname);
  const arePermitted = addresses.every((address) => {
    const host = address.includes(":")
      ? `[${address}]:${port}`
      : `${address}:${port}`;
    return Deno.permissions.querySync({ name: "net", host }).state ===
      "granted";
  });
  // The name itself may be permitted.
  return arePermitted ? addresses : [];
}

/** Returns the table of sockets where reading it asks nobody for permission. */
function openUdpTable(): UdpTable | undefined {
  const mayRead = UDP_TABLES.every((path) =>
    Deno.permissions.querySync({ name: "read", path }).state === "granted"
  );
  return mayRead ? new UdpTable() : undefined;
}

/** Finds the reason why datagrams do not leave, of which `node:dgram` says only `UNKNOWN`. */
async function findReason({ hostname, port }: NetAddr): Promise<unknown> {
  if (!("listenDatagram" in Deno)) return undefined;
  const socket = Deno.listenDatagram({
    transport: "udp",
    hostname: hostname.includes(":") ? "::" : "0.0.0.0",
    port: 0,
  });
  try {
    await socket.send(new Uint8Array(), { transport: "udp", hostname, port });
    return undefined;
  } catch (error) {
    return error;
  } finally {
    socket.close();
  }
}

/** Connects over `node:tls`. */
async function loadNode(options: ConnectorOptions): Promise<Connector> {
  const { createConnector } = await import("../node/connect.ts");
  // For the usual certificates it would need --allow-sys.
  return createConnector({ ...options, caOnly: true });
}

/** Opens a connection, or throws an error that says what is wrong. */
async function tryToOpen(
  addr: Addr,
  options: ConnectorOptions,
  serverName: string | undefined,
): Promise<Deno.Conn> {
  try {
    return await open(addr, options, serverName);
  } catch (error) {
    const read = readTlsError(withCode(error));
    throw "hostname" in addr ? await withLookup(read, addr.hostname) : read;
  }
}

/** Gives an error the POSIX name that belongs to its number, where Deno gives none. */
function withCode(error: unknown): unknown {
  if (!isError(error) || "code" in error) return error;
  const [, number] = /\(os error (\d+)\)$/.exec(error.message) ?? [];
  const code = number && errnoName(Number(number));
  return code ? Object.assign(error, { code }) : error;
}

async function open(
  addr: Addr,
  { ca, timeout, greet }: ConnectorOptions,
  serverName: string | undefined,
): Promise<Deno.Conn> {
  const connect = <T extends Deno.Conn>(work: Promise<T>) =>
    within(timeout, NO_ANSWER, work, (late) => late.close());
  if ("path" in addr) {
    const connection = await connect(
      Deno.connect({ transport: "unix", path: addr.path }),
    );
    if (greet) await send(connection, greetingOf(greet, addr, {}));
    return connection;
  }
  const { hostname, port } = addr;
  if (addr.transport === "tls") {
    const caCerts = ca === undefined ? [] : [ca];
    const plain = await prepare(
      await connect(Deno.connect({ hostname, port })),
      greet,
    );
    const connection = await Deno.startTls(plain, {
      hostname: serverName ?? hostname,
      caCerts,
    });
    try {
      const handshake = connection.handshake();
      await within(timeout, NO_HANDSHAKE, handshake, () => {});
    } catch (error) {
      connection.close();
      throw error;
    }
    return connection;
  }
  return await prepare(
    await connect(Deno.connect({ hostname, port })),
    greet,
  );
}

/** Greets the peer. Closes a connection whose two ends are the same, and throws. */
async function prepare(
  connection: Deno.TcpConn,
  greet: Greet | undefined,
): Promise<Deno.TcpConn> {
  const { localAddr, remoteAddr } = connection;
  const ends: Ends = {
    localAddress: localAddr.hostname,
    localPort: localAddr.port,
    remoteAddress: remoteAddr.hostname,
    remotePort: remoteAddr.port,
  };
  const self = refuseSelf(ends);
  if (self) {
    connection.close();
    throw self;
  }
  connection.setNoDelay();
  if (greet) await send(connection, greetingOf(greet, remoteAddr, ends));
  return connection;
}

/** Sends all bytes, or closes the connection and throws. */
async function send(connection: Deno.Conn, bytes: Uint8Array): Promise<void> {
  try {
    for (let sent = 0; sent < bytes.length;) {
      sent += await connection.write(bytes.subarray(sent));
    }
  } catch (error) {
    connection.close();
    throw error;
  }
}

class DenoSocket implements Socket {
  readonly remoteAddress: string | undefined;
  readonly #connection: Deno.Conn;
  readonly #handler: SocketHandler;
  /** The bytes being written. */
  #unsent: Uint8Array | undefined;
  #refused = false;
  #ended = false;

  constructor(
    connection: Deno.Conn,
    handler: SocketHandler,
    turnstile: Turnstile,
    chunkSize: number,
  ) {
    const { remoteAddr } = connection;
    if ("hostname" in remoteAddr) this.remoteAddress = remoteAddr.hostname;
    this.#connection = connection;
    this.#handler = handler;
    this.#read(turnstile, new Uint8Array(chunkSize));
  }

  write(bytes: Uint8Array, from: number, to: number): number {
    if (this.#unsent) {
      this.#refused = true;
      return 0;
    }
    this.#begin(bytes.subarray(from, to));
    return to - from;
  }

  close(): void {
    if (this.#ended) return;
    this.#ended = true;
    this.#connection.close();
  }

  async #read(turnstile: Turnstile, buffer: Uint8Array): Promise<void> {
    const ticket = turnstile.join();
    try {
      for (;;) {
        if (turnstile.crowded) await turnstile.enter(ticket);
        const count = await this.#connection.read(buffer);
        if (ticket.hot) turnstile.leave(ticket);
        if (this.#ended) return;
        if (count === null) return this.#end();
        this.#handler.onData(buffer, count);
      }
    } catch (error) {
      this.#end(error);
    } finally {
      turnstile.part(ticket);
    }
  }

  #begin(bytes: Uint8Array): void {
    this.#unsent = bytes;
    this.#connection.write(bytes).then(this.#onWritten, this.#onError);
  }

  readonly #onWritten = (count: number): void => {
    if (this.#unsent && count < this.#unsent.length) {
      return this.#begin(this.#unsent.subarray(count));
    }
    this.#unsent = undefined;
    if (this.#refused && !this.#ended) {
      this.#refused = false;
      this.#handler.onDrain();
    }
  };

  readonly #onError = (error: unknown): void => this.#end(error);

  #end(error?: unknown): void {
    if (this.#ended) return;
    this.close();
    // Many servers end TLS without the `close_notify` that rustls wants.
    const isEnd = error instanceof Deno.errors.UnexpectedEof;
    const read = isEnd ? undefined : readTlsError(error);
    this.#handler.onEnd(isError(read) ? read : undefined);
  }
}
