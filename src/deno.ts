import type { Output, Runtime } from "./runtime.ts";
import type { Connection, Listener } from "./transport.ts";

/** Deno as a {@linkcode Runtime}. */
export const runtime: Runtime = {
  name: `deno ${Deno.version.deno}`,
  args: Deno.args,
  noColor: Deno.noColor,
  stdout: output(Deno.stdout),
  stderr: output(Deno.stderr),

  // deno-lint-ignore require-await -- so that what Deno throws rejects
  async listen(hostname, port, tcpBacklog) {
    return new DenoListener(Deno.listen({ hostname, port, tcpBacklog }));
  },

  async loadConnector(options) {
    return (await import("./connect/deno.ts")).createConnector(options);
  },

  onSignal(handler) {
    const signals: Deno.Signal[] = Deno.build.os === "windows"
      ? ["SIGINT", "SIGBREAK"]
      : ["SIGINT", "SIGTERM"];
    for (const signal of signals) Deno.addSignalListener(signal, handler);
    return () => {
      for (const signal of signals) Deno.removeSignalListener(signal, handler);
    };
  },

  setExitCode(code) {
    Deno.exitCode = code;
  },
};

class DenoListener implements Listener {
  readonly addr: Deno.NetAddr;
  readonly #listener: Deno.TcpListener;
  #closed = false;

  constructor(listener: Deno.TcpListener) {
    this.addr = listener.addr;
    this.#listener = listener;
  }

  async accept(): Promise<Connection | null> {
    for (;;) {
      try {
        return prepare(await this.#listener.accept());
      } catch (error) {
        if (this.#closed) return null;
        if (!isGone(error)) throw error;
      }
    }
  }

  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#listener.close();
  }
}

/** Whether `accept` failed only because that one client had already gone. */
function isGone(error: unknown): boolean {
  return error instanceof Deno.errors.NotConnected ||
    error instanceof Deno.errors.ConnectionAborted ||
    error instanceof Deno.errors.ConnectionReset;
}

function prepare(connection: Deno.TcpConn): Deno.TcpConn {
  try {
    connection.setNoDelay();
    connection.setKeepAlive();
  } catch {
    // The client has gone; reading will say so.
  }
  return connection;
}

function output(
  stream: { writeSync(p: Uint8Array): number; isTerminal(): boolean },
): Output {
  return {
    isTerminal: () => stream.isTerminal(),
    write(text) {
      let rest = new TextEncoder().encode(text);
      while (rest.length > 0) rest = rest.subarray(stream.writeSync(rest));
    },
  };
}
