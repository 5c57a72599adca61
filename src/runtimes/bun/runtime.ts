import type { Runtime } from "../runtime.ts";
import { runtime as node } from "../node/runtime.ts";

/** The part of Bun that is used here. */
declare const Bun: { readonly version: string };

/** Bun as a {@linkcode Runtime}: like Node, except for its sockets. */
export const runtime: Runtime = {
  get name() {
    return `bun ${Bun.version}`;
  },
  get args() {
    return node.args;
  },
  get noColor() {
    return node.noColor;
  },
  get stdout() {
    return node.stdout;
  },
  get stderr() {
    return node.stderr;
  },
  onSignal: node.onSignal,
  onHangup: node.onHangup,
  exit: node.exit,
  // Those are of Node's own kind.
  reloads: ({ plainFirst }) => plainFirst,
  sharesPorts: true,
  // Loaded only here, because --version and bench need none of it.
  async listen(options) {
    return await (await import("./listen.ts")).listen(options);
  },

  async loadConnector(options) {
    return (await import("./connect.ts")).createConnector(options);
  },
};
