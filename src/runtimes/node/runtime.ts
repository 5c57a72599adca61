import { write } from "node:fs";
import process from "node:process";
import { promisify } from "node:util";
import type { Output, Runtime } from "../runtime.ts";

/** Node as a {@linkcode Runtime}. */
export const runtime: Runtime = {
  get name() {
    return `node ${process.versions.node}`;
  },
  get args() {
    return process.argv.slice(2);
  },
  get noColor() {
    return !!process.env["NO_COLOR"];
  },
  get stdout() {
    return output(1);
  },
  get stderr() {
    return output(2);
  },

  reloads: () => true,
  sharesPorts: true,

  // Loaded only here: node:net takes longer to load than all the rest.
  async listen(options) {
    return await (await import("./listen.ts")).listen(options);
  },

  async loadConnector(options) {
    return (await import("./connect.ts")).createConnector(options);
  },

  onSignal(handler) {
    const signals = ["SIGINT", "SIGTERM", "SIGBREAK"] as const;
    for (const signal of signals) process.on(signal, handler);
    return () => {
      for (const signal of signals) process.off(signal, handler);
    };
  },

  onHangup(handler) {
    if (process.platform === "win32") return () => {};
    process.on("SIGHUP", handler);
    return () => void process.off("SIGHUP", handler);
  },

  exit(code) {
    process.exit(code);
  },
};

function output(descriptor: 1 | 2): Output {
  const stream = descriptor === 1 ? process.stdout : process.stderr;
  return {
    isTerminal: () => stream.isTTY === true,
    async write(p) {
      // stream.write() would block until a pipe is read.
      const { bytesWritten } = await promisify(write)(descriptor, p);
      return bytesWritten;
    },
  };
}
