import { readFile } from "node:fs/promises";
import { setTimeout as sleep } from "node:timers/promises";

/** The tables of TCP sockets, of Linux. */
const TABLES: readonly string[] = ["/proc/net/tcp", "/proc/net/tcp6"];
/** The first and the longest wait between two looks at them, in milliseconds. */
const INTERVAL = { first: 1, longest: 50 };
/** How long to wait at most, in milliseconds. */
const PATIENCE = 2_000;
/** How long to wait where there are no tables, or they may not be read. */
const GUESS = 100;

/**
 * Resolves when the peer's system has acknowledged everything that was written to a
 * TCP connection, or after 2 s; where the system does not tell, after 100 ms.
 */
export async function delivered(
  localPort = 0,
  remotePort = 0,
  readTables: () => Promise<string> = readAll,
): Promise<void> {
  const deadline = performance.now() + PATIENCE;
  let interval = INTERVAL.first;
  while (performance.now() < deadline) {
    let tables;
    try {
      tables = await readTables();
    } catch {
      await sleep(GUESS);
      return;
    }
    if (!isUnacknowledged(tables, localPort, remotePort)) return;
    await sleep(interval);
    interval = Math.min(interval * 2, INTERVAL.longest);
  }
}

async function readAll(): Promise<string> {
  // Deno would ask for it.
  if ("Deno" in globalThis) {
    for (const path of TABLES) {
      const { state } = Deno.permissions.querySync({ name: "read", path });
      if (state !== "granted") throw new Error(`${path} may not be read`);
    }
  }
  const [ipv4, ipv6] = await Promise.all(
    TABLES.map((path) => readFile(path, "latin1")),
  );
  return `${ipv4}${ipv6}`;
}

/** Reports whether a connection with these ports has sent bytes that are not acknowledged. */
function isUnacknowledged(
  tables: string,
  localPort: number,
  remotePort: number,
): boolean {
  const hex = (port: number) =>
    port.toString(16).toUpperCase().padStart(4, "0");
  const line = RegExp(
    `: \\w+:${hex(localPort)} \\w+:${hex(remotePort)} \\w\\w (\\w{8}):`,
    "g",
  );
  return [...tables.matchAll(line)].some(([_, queue = ""]) =>
    /[^0]/.test(queue)
  );
}
