/**
 * Serves with two workers, and ends one of them when the first client has come, or
 * both at SIGHUP. At SIGTERM it ends, and logs its numbers.
 */
import process from "node:process";
import type { Worker } from "node:worker_threads";
import { loadBuiltin } from "../../src/cli/parse_args.ts";
import { readArgs } from "../../src/cli/serve/settings.ts";
import { serveOnWorkers, startThread } from "../../src/cli/serve/workers.ts";
import { formatEndpoint } from "../../src/core/format_addr.ts";

/** How many bytes to echo before both end; 0 to end one with the first client. */
const spareUntil = Number(process.argv[2] ?? 0);
const threads: Worker[] = [];
let opened = 0;
const settings = await readArgs(
  ["--workers", "2", "--port", "0", "--verbose"],
  loadBuiltin,
);
const serving = await serveOnWorkers(settings, {
  onRefuse() {},
  onOpen() {
    if (++opened === 1 && spareUntil === 0) {
      threads[0]?.terminate();
    }
  },
  onClose() {},
  onError: (message) => console.error(message),
}, (assignment) => {
  const thread = startThread(assignment);
  threads.push(thread);
  return thread;
});
process.on("SIGHUP", async () => {
  // A client may have its echo before it is counted.
  while (serving.stats().bytes < spareUntil) {
    await new Promise((resolve) => setTimeout(resolve, 1));
  }
  for (const thread of threads) thread.terminate();
});
process.on("SIGTERM", async () => {
  await serving.shutdown({ grace: 0 });
  console.error(JSON.stringify(await serving.finished));
  process.exit();
});
for (const { addr } of serving.endpoints) {
  console.error(`Listening on ${formatEndpoint(addr)}`);
}
