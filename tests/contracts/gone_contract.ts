import { connect } from "node:net";
import { serve } from "../../mod.ts";
import { assertEquals } from "../helpers/assert.ts";
import { pattern } from "../helpers/client.ts";
import { portOf, type Transport } from "../helpers/transports.ts";
import type { Test } from "./connection_contract.ts";

/**
 * Whether the runtime hands over a client that has gone: Deno does over TLS, as it
 * takes the address from the system's `accept` and looks no further.
 */
const isHandedOver = ({ name }: Transport) =>
  "Deno" in globalThis && name === "tls";

/** States what becomes of clients that leave a port before they are accepted. */
export function goneContract(test: Test, transport: Transport): void {
  for (const maxConnections of [1, 100]) {
    test(`A client that has gone before it is accepted is nobody (maxConnections ${maxConnections})`, async () => {
      if (isHandedOver(transport)) return;
      const listener = await transport.listen();
      const leave = async () => {
        for (let i = 0; i < 20; i++) {
          await connectAndReset(portOf(listener.addr));
        }
      };
      await leave();
      const opened: number[] = [];
      const errors: unknown[] = [];
      await using server = serve(listener, {
        maxConnections,
        onOpen: ({ remoteAddr }) => opened.push(portOf(remoteAddr)),
        onError: (error) => errors.push(error),
      });
      const first = await transport.connect(listener.addr);
      await first.echo(pattern(1));
      assertEquals([opened.length, errors], [1, []]);
      // With one place, these leave while it is taken.
      if (maxConnections === 1) await leave();
      first.end();
      await first[Symbol.asyncDispose]();
      await using second = await transport.connect(listener.addr);
      await second.echo(pattern(1));
      assertEquals([opened.length, errors], [2, []]);
      assertEquals(server.stats().accepted, 2);
    });
  }
}

/** Connects, and resets the connection as soon as the system has it. */
export function connectAndReset(port: number): Promise<void> {
  return new Promise((resolve) => {
    const socket = connect(port, "127.0.0.1");
    socket.once("connect", () => socket.resetAndDestroy());
    socket.on("error", () => {});
    socket.once("close", () => resolve());
  });
}
