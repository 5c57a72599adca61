/**
 * Serves with two workers, and ends one of them when the first client has come.
 */
import type { Worker } from "node:worker_threads";
import { loadBuiltin } from "../../src/cli/parse_args.ts";
import { readArgs } from "../../src/cli/serve/settings.ts";
import { serveOnWorkers, startThread } from "../../src/cli/serve/workers.ts";
import { formatEndpoint } from "../../src/core/format_addr.ts";

const threads: Worker[] = [];
let opened = 0;
const settings = readArgs(
  ["--workers", "2", "--port", "0", "--verbose"],
  await loadBuiltin(),
);
const { endpoints } = await serveOnWorkers(settings, {
  onRefuse() {},
  onOpen() {
    if (++opened === 1) threads[0]?.terminate();
  },
  onClose() {},
  onError: (message) => console.error(message),
}, (settings) => {
  const thread = startThread(settings);
  threads.push(thread);
  return thread;
});
for (const { addr } of endpoints) {
  console.error(`Listening on ${formatEndpoint(addr)}`);
}
