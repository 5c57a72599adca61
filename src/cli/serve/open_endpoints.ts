import { formatEndpoint } from "../../listen/endpoint.ts";
import { explain } from "../../core/error_message.ts";
import { listenAll } from "../../listen/listen.ts";
import type {
  Addr,
  Listener,
  ListenOptions,
  NetAddr,
} from "../../core/transport.ts";
import type { Settings } from "./settings.ts";

/** Binds every endpoint that the command line asks for, or none. */
export async function openAll(settings: Settings): Promise<Listener[]> {
  const opened: Listener[] = [];
  try {
    for (const endpoint of settings.endpoints) {
      opened.push(...await listenAll(await optionsFor(endpoint, settings)));
    }
  } catch (error) {
    for (const listener of opened) listener.close();
    throw error;
  }
  return opened;
}

async function optionsFor(
  endpoint: Addr,
  settings: Settings,
): Promise<ListenOptions> {
  if ("path" in endpoint) {
    return { transport: "unix", path: endpoint.path, mode: settings.unixMode };
  }
  const { transport, ...place } = endpoint;
  const shared = { ...place, reusePort: settings.workers > 1 };
  switch (transport) {
    case "tcp":
      return { transport, ...shared };
    case "udp":
      return { transport, ...place, anySource: settings.udpAnySource };
    case "tls":
      return { transport, ...shared, ...await readPem(endpoint, settings) };
  }
}

/** Reads certificate and key. Rejects with the line to print, which names the file. */
async function readPem(
  endpoint: NetAddr,
  { tlsCert = "", tlsKey = "" }: Settings,
): Promise<{ cert: string; key: string }> {
  const { checkPem } = await import("../../listen/pem.ts");
  try {
    const cert = await readText(tlsCert);
    const key = await readText(tlsKey);
    checkPem(cert, key, { cert: tlsCert, key: tlsKey });
    return { cert, key };
  } catch (cause) {
    const url = formatEndpoint(endpoint);
    throw new Error(`Cannot listen on ${url}: ${explain(cause)}`, { cause });
  }
}

async function readText(file: string): Promise<string> {
  const { readFile } = await import("node:fs/promises");
  try {
    return await readFile(file, "utf8");
  } catch (cause) {
    throw new Error(`cannot read ${file}: ${explain(cause)}`, { cause });
  }
}
