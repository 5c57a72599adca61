import { createSocket, type RemoteInfo, type Socket } from "node:dgram";
import { lookup } from "node:dns/promises";
import { AcceptQueue } from "../core/accept_queue.ts";
import { isError } from "../core/error_message.ts";
import { isEverywhere } from "../core/ip.ts";
import { setReceiveBuffer } from "../runtimes/receive_buffer.ts";
import { EchoServices } from "./echo_services.ts";
import type { Send } from "../faults/datagrams.ts";
import type { FaultySender } from "../faults/faulty_datagrams.ts";
import type { DatagramFaults } from "../core/fault_options.ts";
import type {
  Connection,
  Datagrams,
  Listener,
  NetAddr,
} from "../core/transport.ts";

/** The number of datagrams that may wait to be sent; further ones are dropped. */
const LARGEST_QUEUE = 1024;
/** The port of NFS, the one service above the privileged ports that must not be answered. */
const NFS = 2049;
/** Broadcast and multicast addresses. The system itself drops the broadcast address of a subnet. */
const GROUP = /^(22[4-9]|23\d)\.|^255\.255\.255\.255$|^ff[\da-f]{2}:/i;
/**
 * The ICMP errors of earlier datagrams, which Bun reports at the next receive or
 * send, whichever peer that is for. Once reported, an error is gone.
 */
const ICMP_ERRORS: ReadonlySet<unknown> = new Set([
  "EACCES",
  "ECONNREFUSED",
  "ECONNRESET",
  "EHOSTDOWN",
  "EHOSTUNREACH",
  "EMSGSIZE",
  "ENETUNREACH",
  "ENONET",
  "ENOPROTOOPT",
  "EOPNOTSUPP",
  "EPROTO",
]);
/** The number of times to send a datagram again if one of them stops it. */
const RETRIES = 3;
/** How long to wait for the answer of a suspected echo service, in milliseconds. */
const PATIENCE = 1_000;

/** A UDP socket to bind. */
export interface UdpBindOptions {
  readonly transport: "udp";
  readonly hostname: string;
  readonly port: number;
  /** Whether to answer sources that are or look like an echo service, too. */
  readonly anySource: boolean;
  /** How to misbehave. */
  readonly faults?: DatagramFaults | undefined;
}

/**
 * Binds a UDP socket that sends every datagram back to its sender (RFC 862).
 *
 * @param own The address that no client can have, if it is not just that of this
 * socket.
 */
export async function listenUdp(
  options: UdpBindOptions,
  own?: NetAddr,
): Promise<UdpListener> {
  const faults = options.faults && await loadFaults(options.faults);
  const { address, family } = await lookup(options.hostname);
  const open = () =>
    createSocket({
      type: family === 6 ? "udp6" : "udp4",
      // Only addresses come here; at once, so that what is refused throws.
      lookup: (hostname, _, done) => done(null, hostname, family),
    });
  const socket = open();
  try {
    await bind(socket, options.port, address);
  } catch (error) {
    socket.close();
    throw error;
  }
  setReceiveBuffer(socket);
  const listener = new UdpListener(socket, open, options.anySource, own);
  // With no other wait since it was bound, so that no datagram came before.
  if (faults) listener.decorate(faults);
  return listener;
}

/** Decorates a way to send; `onDrop` is called for what will not be sent. */
type AddDatagramFaults = (
  send: Send<RemoteInfo>,
  onDrop: () => void,
) => FaultySender<RemoteInfo>;

async function loadFaults(faults: DatagramFaults): Promise<AddDatagramFaults> {
  const { faultyDatagrams } = await import("../faults/faulty_datagrams.ts");
  return (send, onDrop) => faultyDatagrams(send, faults, onDrop);
}

function bind(socket: Socket, port: number, address: string): Promise<void> {
  return new Promise((resolve, reject) => {
    socket.once("error", reject);
    socket.bind({ port, address }, () => {
      socket.off("error", reject);
      resolve();
    });
  });
}

/** A UDP socket. */
export class UdpListener implements Listener {
  readonly addr: NetAddr;
  readonly #own: NetAddr;
  readonly #socket: Socket;
  readonly #open: () => Socket;
  readonly #anySource: boolean;
  readonly #services = new EchoServices((bytes, to) => this.#ask(bytes, to));
  #echoed = 0;
  #dropped = 0;
  #bytes = 0;
  #queued = 0;
  readonly #errors = new AcceptQueue<Connection>();
  #closed = false;
  #stopAsking = () => {};
  /** Sends a datagram back; faults take its place. */
  #send = (bytes: Uint8Array, to: RemoteInfo) => this.#sendNow(bytes, to);
  #stopFaults = () => {};

  constructor(
    socket: Socket,
    open: () => Socket,
    anySource: boolean,
    own?: NetAddr,
  ) {
    const { address, port } = socket.address();
    this.addr = { transport: "udp", hostname: address, port };
    this.#own = own ? { ...own, port } : this.addr;
    this.#socket = socket;
    this.#open = open;
    this.#anySource = anySource;
    socket.on("message", (bytes, from) => this.#echo(bytes, from));
    socket.on("error", (error) => {
      if (isIcmp(error)) return;
      this.#errors.fail(error);
    });
  }

  get datagrams(): Datagrams {
    return {
      echoed: this.#echoed,
      dropped: this.#dropped,
      bytes: this.#bytes,
    };
  }

  /** Lets it misbehave from now on. */
  decorate(faults: AddDatagramFaults): void {
    const { send, close } = faults(this.#send, () => this.#dropped++);
    this.#send = send;
    this.#stopFaults = close;
  }

  accept(): Promise<Connection | null> {
    return this.#errors.next();
  }

  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#socket.close();
    this.#stopAsking();
    this.#stopFaults();
    this.#errors.close();
  }

  ref(): void {
    this.#socket.ref();
  }

  unref(): void {
    this.#socket.unref();
  }

  #echo(bytes: Uint8Array, from: RemoteInfo): void {
    const answer = from.port !== 0 && this.#queued < LARGEST_QUEUE &&
      (this.#anySource ||
        isClient(from, this.#own) && !this.#services.note(bytes, from));
    if (answer) this.#send(bytes, from);
    else this.#dropped++;
  }

  #sendNow(bytes: Uint8Array, { address, port }: RemoteInfo): void {
    this.#queued++;
    let retries = RETRIES;
    const sent = (error?: Error | null) => {
      if (error && isIcmp(error) && retries > 0 && !this.#closed) {
        retries--;
        send();
        return;
      }
      this.#queued--;
      // An error concerns this datagram alone; its sender may have gone, for example.
      if (error) {
        this.#dropped++;
      } else {
        this.#echoed++;
        this.#bytes += bytes.length;
      }
    };
    const send = () => {
      try {
        this.#socket.send(bytes, port, address, sent);
      } catch (error) {
        sent(isError(error) ? error : new Error(String(error)));
      }
    };
    send();
  }

  /** Reports whether a sender returns a datagram that comes from a second port. */
  async #ask(bytes: Uint8Array, { address, port }: RemoteInfo) {
    const socket = this.#open();
    const { promise, resolve } = Promise.withResolvers<boolean>();
    const timer = setTimeout(resolve, PATIENCE, false);
    this.#stopAsking = () => resolve(false);
    try {
      await bind(socket, 0, this.addr.hostname);
      socket.on("error", () => resolve(false));
      socket.on("message", (_, from) => {
        if (from.address === address && from.port === port) resolve(true);
      });
      socket.send(bytes, port, address);
      return await promise;
    } finally {
      clearTimeout(timer);
      socket.close();
    }
  }
}

function isIcmp(error: Error): boolean {
  return "code" in error && ICMP_ERRORS.has(error.code);
}

/**
 * Reports whether the source of a datagram can be a client, by the rule of OpenBSD's
 * inetd: it is not the port of a service, not this socket, and not a group of hosts.
 * For every address, the own port on any address counts as this socket.
 */
export function isClient({ address, port }: RemoteInfo, own: NetAddr): boolean {
  const plain = address.replace(/^::ffff:(?=\d+\.)/i, "");
  const isOwn = port === own.port &&
    (isEverywhere(own.hostname) || plain === own.hostname);
  return port >= 1024 && port !== NFS && !isOwn && !GROUP.test(plain);
}
