import { AcceptQueue } from "../core/accept_queue.ts";
import { codeOf } from "../core/error_message.ts";
import { sumDatagrams } from "../core/counts.ts";
import type {
  Connection,
  Datagrams,
  Listener,
  NetAddr,
} from "../core/transport.ts";
import { ownAddresses } from "./own_addresses.ts";
import { listenUdp, type UdpBindOptions, type UdpListener } from "./udp.ts";

/** How often to look for addresses that have come or gone, in milliseconds. */
const INTERVAL = 10_000;
/** The number of attempts to find a port that is free on all addresses. */
const PORT_ATTEMPTS = 10;

/**
 * Binds a UDP socket on each address of the machine. A single socket for all of
 * them would answer from the address that the system chooses, and a client that
 * is connected to another one would not get the answer.
 *
 * Where the addresses cannot be listed, it is a single socket.
 */
export async function listenUdpEverywhere(
  options: UdpBindOptions,
  list: () => readonly string[] | undefined = ownAddresses,
): Promise<Listener> {
  if (!list()?.length) return await listenUdp(options);
  for (let attempt = 1;; attempt++) {
    const listener = new EveryAddress(options, list);
    try {
      await listener.open();
      return listener;
    } catch (error) {
      listener.close();
      if (options.port !== 0 || attempt === PORT_ATTEMPTS) throw error;
    }
  }
}

/** A socket for each address of the machine, as they come and go. */
class EveryAddress implements Listener {
  readonly #options: UdpBindOptions;
  readonly #list: () => readonly string[] | undefined;
  /** The sockets, by address. */
  readonly #sockets = new Map<string, UdpListener>();
  #addr: NetAddr;
  /** What the sockets of addresses that have gone did. */
  #past: Datagrams = { echoed: 0, dropped: 0, bytes: 0 };
  #timer: ReturnType<typeof setInterval> | undefined;
  readonly #errors = new AcceptQueue<Connection>();
  #unref = false;
  #closed = false;

  constructor(
    options: UdpBindOptions,
    list: () => readonly string[] | undefined,
  ) {
    const { transport, hostname, port } = options;
    this.#options = options;
    this.#list = list;
    this.#addr = { transport, hostname, port };
  }

  get addr(): NetAddr {
    return this.#addr;
  }

  get datagrams(): Datagrams | undefined {
    const all = [...this.#sockets.values(), { datagrams: this.#past }];
    return sumDatagrams(all);
  }

  /** Binds the addresses that the machine has now. */
  async open(): Promise<void> {
    let missing;
    for (const address of this.#addresses()) {
      try {
        await this.#add(address);
      } catch (error) {
        // It may be about to come, or to go.
        if (!isMissing(error)) throw error;
        missing = error;
      }
    }
    if (this.#sockets.size === 0) throw missing;
    const isIpv6 = [...this.#sockets.keys()].some(isIpv6Address);
    if (!isIpv6) this.#addr = { ...this.#addr, hostname: "0.0.0.0" };
    this.#timer = setInterval(() => this.#look(), INTERVAL);
  }

  accept(): Promise<Connection | null> {
    return this.#errors.next();
  }

  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    clearInterval(this.#timer);
    for (const socket of this.#sockets.values()) socket.close();
    this.#errors.close();
  }

  ref(): void {
    this.#unref = false;
    this.#timer?.ref();
    for (const socket of this.#sockets.values()) socket.ref();
  }

  unref(): void {
    this.#unref = true;
    this.#timer?.unref();
    for (const socket of this.#sockets.values()) socket.unref();
  }

  #addresses(): readonly string[] {
    const all = this.#list() ?? [];
    return this.#options.hostname === "::"
      ? all
      : all.filter((address) => !isIpv6Address(address));
  }

  async #add(hostname: string): Promise<void> {
    const everywhere = this.#addr;
    const options = { ...this.#options, hostname, port: everywhere.port };
    const socket = await listenUdp(options, everywhere);
    if (this.#closed) return socket.close();
    this.#addr = { ...everywhere, port: socket.addr.port };
    if (this.#unref) socket.unref();
    this.#sockets.set(hostname, socket);
    this.#watch(socket);
  }

  /** Passes on the errors of a socket. */
  async #watch(socket: UdpListener): Promise<void> {
    for (;;) {
      try {
        if (await socket.accept() === null) return;
      } catch (error) {
        this.#errors.fail(error);
      }
    }
  }

  /** Looks for addresses that have come or gone. */
  #look(): void {
    const now = new Set(this.#addresses());
    for (const [address, socket] of this.#sockets) {
      if (now.has(address)) continue;
      this.#past = sumDatagrams([socket, { datagrams: this.#past }]) ??
        this.#past;
      this.#sockets.delete(address);
      socket.close();
    }
    for (const address of now) {
      if (this.#sockets.has(address)) continue;
      this.#add(address).catch((error) => {
        if (!isMissing(error)) this.#errors.fail(error);
      });
    }
  }
}

function isIpv6Address(address: string): boolean {
  return address.includes(":");
}

/** Reports whether an error is that the machine does not have an address. */
function isMissing(error: unknown): boolean {
  return codeOf(error) === "EADDRNOTAVAIL";
}
