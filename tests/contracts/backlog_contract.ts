import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";
import process from "node:process";
import { assertEquals } from "../helpers/assert.ts";
import type { Transport } from "../helpers/transports.ts";
import type { Test } from "./connection_contract.ts";

/** How many may wait at most: 4096, unless the runtime decides for itself. */
function asked({ name }: Transport): number {
  if ("Bun" in globalThis) return 512;
  return "Deno" in globalThis && name === "unix" ? 1024 : 4096;
}

/** States how many clients may wait to be accepted, as the system sees it. */
export function backlogContract(test: Test, transport: Transport): void {
  test("listen() asks for a backlog of 4096, or what the runtime has", async () => {
    if (process.platform !== "linux") return;
    const allowed = Number(
      readFileSync("/proc/sys/net/core/somaxconn", "utf8"),
    );
    const before = new Set(listening());
    const listener = await transport.listen();
    const { addr } = listener;
    // Test files that run side by side listen in the same process. A Unix socket
    // is bound under another name than its own.
    const place = "path" in addr ? "u_str " : `:${addr.port} `;
    const backlogs = listening()
      .filter((line) => !before.has(line) && line.includes(place))
      .map((line) => Number(/LISTEN\s+\d+\s+(\d+)/.exec(line)?.[1]));
    listener.close();
    assertEquals(
      [...new Set(backlogs)],
      [Math.min(asked(transport), allowed)],
    );
  });
}

/** What `ss` says of the sockets on which this process listens. */
function listening(): string[] {
  return execFileSync("ss", ["-nHlptx"], { encoding: "utf8" })
    .split("\n")
    .filter((line) => line.includes(`pid=${process.pid},`));
}
