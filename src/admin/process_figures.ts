import { readdir, readFile } from "node:fs/promises";
import process from "node:process";

/** What the system tells about the process. */
export interface ProcessFigures {
  /** When it was started, in seconds since 1970. */
  readonly startTime: number;
  /** Its memory, in bytes. */
  readonly residentMemory: number;
  /** The time that it has had of the processors, in seconds. */
  readonly cpu: number;
  /** Its open descriptors; only on Linux, and on Deno only with `--allow-all`. */
  readonly openFds?: number;
  /** How many descriptors it may have; as above. */
  readonly maxFds?: number;
}

/** Asks the system, and never the user for a permission. */
export async function readProcess(): Promise<ProcessFigures> {
  const { user, system } = process.cpuUsage();
  return {
    startTime: performance.timeOrigin / 1000,
    residentMemory: process.memoryUsage.rss(),
    cpu: (user + system) / 1e6,
    ...await readDescriptors(),
  };
}

async function readDescriptors(): Promise<
  { openFds: number; maxFds: number } | undefined
> {
  if (!mayRead("/proc/self/fd") || !mayRead("/proc/self/limits")) return;
  try {
    const open = await readdir("/proc/self/fd");
    const limits = await readFile("/proc/self/limits", "utf8");
    const [, limit] = /^Max open files +(\d+|unlimited) /m.exec(limits) ?? [];
    if (limit === undefined) return;
    const maxFds = limit === "unlimited" ? Infinity : Number(limit);
    // One of them is open for the list alone.
    return { openFds: open.length - 1, maxFds };
  } catch {
    // Another system, or a process that may not ask.
    return undefined;
  }
}

/** Whether a file can be read without a question to the user, which Deno would ask. */
function mayRead(path: string): boolean {
  if (!("Deno" in globalThis)) return true;
  return Deno.permissions.querySync({ name: "read", path }).state === "granted";
}

/** The runtime and its version: `deno 2.9.6`. */
export function runtimeName(): string {
  const versions: Readonly<Record<string, string | undefined>> =
    process.versions;
  const name = ["deno", "bun"].find((name) => versions[name]) ?? "node";
  return `${name} ${versions[name]}`;
}
