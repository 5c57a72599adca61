import { lookup } from "node:dns/promises";
import { isIP } from "node:net";
import { codeOf, isError } from "../core/error_message.ts";
import { TlsError } from "../core/handshake.ts";

/**
 * The error of looking a name up, where the runtime has failed with it and does
 * not say so in the error's code; else the error as it is.
 */
export async function withLookup(
  error: unknown,
  hostname: string,
): Promise<unknown> {
  if (error instanceof TlsError) return error;
  const isDenied = isError(error) && error.name === "NotCapable";
  if (isDenied || codeOf(error) !== undefined || isIP(hostname)) return error;
  try {
    await lookup(hostname);
    return error;
  } catch (lookupError) {
    return lookupError;
  }
}
