import { tmpdir } from "node:os";
import { join } from "node:path";
import { randomUUID } from "node:crypto";
import { listen, memoryListener } from "../../mod.ts";
import type {
  Addr,
  BoundListener,
  ListenOptions,
  MemoryListener,
} from "../../mod.ts";
import { assert } from "./assert.ts";
import { certificate } from "./certificates.ts";
import { Client } from "./client.ts";
import { version1, version2 } from "./proxy_header.ts";

/** A transport that has connections, for the tests that are the same on all. */
export interface Transport {
  readonly name: "tcp" | "tls" | "unix";
  /** Options that take a free place. */
  options(): ListenOptions;
  /** Listens there. */
  listen(): Promise<BoundListener>;
  /** Connects to a listener. */
  connect(addr: Addr): Promise<Client>;
  /** Whether the server is always told that a client has broken off. */
  readonly resets: boolean;
}

/** Listens on what the options of a transport say. */
function listenThere(this: Transport): Promise<BoundListener> {
  return listen(this.options());
}

export const TCP: Transport = {
  name: "tcp",
  options: () => ({ port: 0 }),
  listen: listenThere,
  connect: (addr) => Client.connect(portOf(addr)),
  resets: true,
};

export const TLS: Transport = {
  name: "tls",
  options: () => ({ transport: "tls", port: 0, ...certificate() }),
  listen: listenThere,
  connect: (addr) => Client.connectTls(portOf(addr)),
  resets: true,
};

export const UNIX: Transport = {
  name: "unix",
  options: () => ({ transport: "unix", path: freePath() }),
  listen: listenThere,
  connect: (addr) => Client.connectUnix(pathOf(addr)),
  // Only when something is left unread; else it looks like an end.
  resets: false,
};

/** Without a network: connects to what has listened last. */
export function inMemory(): Transport {
  let listener: MemoryListener;
  return {
    ...UNIX,
    // deno-lint-ignore require-await -- as it is asynchronous elsewhere
    async listen() {
      listener = memoryListener();
      return listener;
    },
    // deno-lint-ignore require-await -- so that a closed one rejects
    connect: async () => Client.over(listener.connect()),
    resets: true,
  };
}

/** A transport on which each connection begins with a PROXY header. */
export function behindBalancer(transport: Transport): Transport {
  return {
    ...transport,
    options: () => {
      const options = transport.options();
      return options.transport === "udp"
        ? options
        : { ...options, proxy: ["127.0.0.0/8", "unix"] };
    },
    async connect(addr) {
      if (transport === TLS) return Client.connectTls(portOf(addr), HEADER);
      const client = await transport.connect(addr);
      await client.send(transport === UNIX ? UNIX_HEADER : HEADER);
      return client;
    },
  };
}

const HEADER = version1("TCP4 127.0.0.1 127.0.0.2 4660 7");
const UNIX_HEADER = version2(0x31, new Uint8Array(2 * 108));

/** A path for a Unix socket. */
export function freePath(): string {
  return join(tmpdir(), `echod-${randomUUID()}.sock`);
}

export function portOf(addr: Addr): number {
  assert("port" in addr);
  return addr.port;
}

export function pathOf(addr: Addr): string {
  assert("path" in addr);
  return addr.path;
}
