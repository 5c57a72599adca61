import { spawnSync } from "node:child_process";

/** Whether commands may be run: always, but on Deno without the permission. */
const mayRun = !("Deno" in globalThis) ||
  (await Deno.permissions.query({ name: "run" })).state === "granted";

/**
 * Returns those of some commands that are not installed; all of them if no
 * command may be run.
 */
export function missing(...commands: string[]): string[] {
  return commands.filter((command) =>
    !mayRun ||
    spawnSync("sh", ["-c", 'command -v "$0"', command]).status !== 0
  );
}
