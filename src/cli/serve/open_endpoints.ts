import { formatEndpoint } from "../../core/format_addr.ts";
import { explain } from "../../core/error_message.ts";
import { listenAll } from "../../listen/listen.ts";
import type { Listener, ListenOptions } from "../../core/transport.ts";
import type { PemNames } from "../../listen/pem.ts";
import type { EndpointSettings } from "./endpoint_settings.ts";
import type { Settings } from "./settings.ts";

/** An endpoint that is bound. */
export interface Opened {
  /** The endpoint, with the real port; one name may have become several. */
  readonly endpoint: EndpointSettings;
  readonly listener: Listener;
}

/** Binds all endpoints of the command line, or none of them. */
export async function openAll(settings: Settings): Promise<Opened[]> {
  const opened: Opened[] = [];
  try {
    for (const endpoint of settings.endpoints) {
      const options = await optionsFor(endpoint, settings);
      const all = await listenAll(options, pemNames(settings));
      for (const listener of all) {
        // An inherited Unix socket may not have told its path.
        const isNamed = !("path" in listener.addr) || listener.addr.path !== "";
        const addr = isNamed ? listener.addr : endpoint.addr;
        opened.push({ endpoint: { ...endpoint, addr }, listener });
      }
    }
  } catch (error) {
    for (const { listener } of opened) listener.close();
    throw error;
  }
  return opened;
}

/**
 * Gives the endpoints with TLS certificate and key as their files are now, and
 * resolves with how many these are. Rejects, and leaves all as they were, when
 * the files are bad.
 */
export async function reloadAll(
  listeners: readonly Listener[],
  settings: Settings,
): Promise<number> {
  const secure = listeners.filter(({ addr }) => addr.transport === "tls");
  if (secure.length === 0) return 0;
  try {
    const { checkPem } = await import("../../listen/pem.ts");
    const { cert, key } = await readPem(settings);
    const pem = checkPem(cert, key, pemNames(settings));
    for (const listener of secure) {
      if (!listener.reload) {
        throw new Error(
          "without a restart, they can be replaced only on Node, or on Linux " +
            "(on Deno with --unstable-net)",
        );
      }
      await listener.reload(pem);
    }
  } catch (cause) {
    throw new Error(
      `Cannot reload certificate and key, the old ones stay: ${explain(cause)}`,
      { cause },
    );
  }
  return secure.length;
}

async function optionsFor(
  { addr, faults, proxy }: EndpointSettings,
  settings: Settings,
): Promise<ListenOptions> {
  if (addr.transport === "fd") return { fd: addr.fd, faults, proxy };
  if ("path" in addr) {
    const { path } = addr;
    return { transport: "unix", path, mode: settings.unixMode, faults, proxy };
  }
  const { transport, ...place } = addr;
  const shared = { ...place, reusePort: settings.workers > 1, faults, proxy };
  switch (transport) {
    case "tcp":
      return { transport, ...shared };
    case "udp":
      return { transport, ...place, anySource: settings.udpAnySource, faults };
    case "tls":
      try {
        return { transport, ...shared, ...await readPem(settings) };
      } catch (cause) {
        const url = formatEndpoint(addr);
        const reason = explain(cause);
        throw new Error(`Cannot listen on ${url}: ${reason}`, { cause });
      }
  }
}

/** What errors call certificate and key. */
function pemNames({ tlsCert = "", tlsKey = "" }: Settings): PemNames {
  return { cert: tlsCert, key: tlsKey };
}

/** Reads certificate and key. Rejects with the reason, which names the file. */
async function readPem(settings: Settings) {
  const { cert, key } = pemNames(settings);
  return { cert: await readBytes(cert), key: await readBytes(key) };
}

async function readBytes(file: string): Promise<Uint8Array> {
  const { readFile } = await import("node:fs/promises");
  try {
    return await readFile(file);
  } catch (cause) {
    throw new Error(`cannot read ${file}: ${explain(cause)}`, { cause });
  }
}
