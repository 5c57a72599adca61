import type { Socket } from "node:dgram";

/** What to ask the system for, in bytes; it may grant less. */
const RECEIVE_BUFFER = 4 * 1024 * 1024;

/**
 * Lets more datagrams wait while the event loop is busy. Deno asks the system for
 * nothing: there it is what Deno allocates for each datagram, and cuts it off to.
 *
 * @param largest The size of the largest datagram to expect, in bytes, if it is known.
 */
export function setReceiveBuffer(socket: Socket, largest?: number): void {
  const size = "Deno" in globalThis ? largest : RECEIVE_BUFFER;
  if (size === undefined) return;
  try {
    socket.setRecvBufferSize(size);
  } catch {
    // Some systems refuse what is too large: then it stays as it is.
  }
}
