import { createSocket } from "node:dgram";
import { codeOf } from "../core/error_message.ts";

/** Errors that mean that there is no descriptor left, for the process or the system. */
const NONE_LEFT: ReadonlySet<unknown> = new Set(["EMFILE", "ENFILE"]);

/**
 * Whether there is a descriptor left, by opening a socket that nobody uses. Not
 * every runtime tells that it cannot accept a connection: Node just resets it.
 */
export async function hasDescriptor(): Promise<boolean> {
  const place = { address: "127.0.0.1", port: 0 };
  if (!mayBind(`${place.address}:${place.port}`)) return true;
  const socket = createSocket("udp4");
  try {
    await new Promise<void>((resolve, reject) => {
      socket.once("error", reject);
      socket.bind(place, resolve);
    });
    return true;
  } catch (error) {
    return !NONE_LEFT.has(codeOf(error));
  } finally {
    try {
      socket.close();
    } catch {
      // It has never been open.
    }
  }
}

/** Whether Deno allows it without a question to the user. */
function mayBind(host: string): boolean {
  if (!("Deno" in globalThis)) return true;
  return Deno.permissions.querySync({ name: "net", host }).state === "granted";
}
