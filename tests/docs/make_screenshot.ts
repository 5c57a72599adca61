/**
 * Makes the screenshots of the live page in `docs/`, in light and dark, from a
 * server that is really loaded: `deno task screenshot`.
 */
import { Browser } from "../helpers/browser.ts";
import { adminOf } from "../helpers/admin.ts";
import { Client } from "../helpers/client.ts";
import { Program } from "../helpers/program.ts";
import { RUNTIMES } from "../helpers/runtimes.ts";

/** How long the lines are to be, in milliseconds. */
const LENGTH = 90_000;

const [DENO] = RUNTIMES;
await using server = Program.start(
  DENO,
  "--admin=127.0.0.1:0",
  "--max-connections=500",
  "--idle-timeout=5m",
  "tcp://127.0.0.1:0",
  "tcp://127.0.0.1:0?delay=20ms&jitter=5ms",
  "udp://127.0.0.1:0",
);
const url = await adminOf(server);
const [plain = "", slow = "", udp = ""] = server.lines.flatMap((line) =>
  /^Listening on (\S+)/.exec(line)?.[1] ?? []
);

await using page = await Browser.start();
await page.resize(1180, 830);
await page.open(url);

const load = (...args: string[]) => Program.start(DENO, "bench", ...args);
const seconds = (part: number) => `--duration=${LENGTH * part / 1_000}s`;
await using _steady = load(plain, "-c24", "-r3000", seconds(1));
await using _slow = load(slow, "-c8", "-r150", "--size=1KiB", seconds(1));
await using _datagrams = load(udp, "-c4", "-r200", seconds(1));
await sleep(LENGTH * 0.3);
await using _burst = load(plain, "-c40", "-r2500", seconds(0.3));
await using _churn = load(plain, "-c4", "-r60", "--churn", seconds(0.5));
await using idle = await Client.connect(Number(new URL(plain).port));
await idle.echo(new Uint8Array(64));
await sleep(LENGTH * 0.65);

for (const scheme of ["light", "dark"] as const) {
  await page.show(scheme);
  await sleep(1_500);
  const path = new URL(`../../docs/page-${scheme}.png`, import.meta.url);
  await Deno.writeFile(path, await page.screenshot({ fullPage: false }));
}

function sleep(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}
