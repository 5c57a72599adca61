/** Children that have not ended by then are ended. */
const LIMIT = AbortSignal.timeout(60 * 60_000);

/** What a program prints; undefined if it is not there or fails. */
export async function outputOf(
  program: string,
  ...args: string[]
): Promise<string | undefined> {
  try {
    const command = new Deno.Command(program, { args });
    const { success, stdout, stderr } = await command.output();
    const bytes = stdout.length > 0 ? stdout : stderr;
    return success ? new TextDecoder().decode(bytes).trim() : undefined;
  } catch {
    return undefined;
  }
}

/** The processor time that a process has taken, in microseconds. */
export async function cpuOf(pid: number): Promise<number> {
  const stat = await Deno.readTextFile(`/proc/${pid}/stat`);
  // Behind the name, which is in parentheses and may contain spaces.
  const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
  const [user, system] = fields.slice(11, 13).map(Number);
  return ((user ?? NaN) + (system ?? NaN)) * 10_000; // 100 ticks a second
}

/** The memory that a process holds, in bytes. */
export async function memoryOf(pid: number): Promise<number> {
  const status = await Deno.readTextFile(`/proc/${pid}/status`);
  return Number(/VmRSS:\s+(\d+)/.exec(status)?.[1]) * 1024;
}

/** Whether programs can be pinned to cores. */
export const canPin: boolean = navigator.hardwareConcurrency > 1 &&
  await outputOf("taskset", "-c", "0,1", "true") !== undefined;

/** Where a process runs; undefined for anywhere. */
export type Core = 0 | 1 | undefined;

/** A child process, with the lines of one of its outputs. */
export class Child implements AsyncDisposable {
  readonly #process: Deno.ChildProcess;
  readonly #target: number;
  readonly #lines: AsyncIterator<string, void>;

  /** Starts it, on a core where that can be had; with children if it `forks`. */
  constructor(
    output: "stdout" | "stderr",
    core: Core,
    command: readonly string[],
    forks = false,
  ) {
    const pinned = canPin && core !== undefined
      ? ["taskset", "-c", String(core)]
      : [];
    const [program = "", ...args] = [...pinned, ...command];
    this.#process = new Deno.Command(program, {
      args,
      stdin: "piped",
      stdout: "null",
      stderr: "inherit",
      [output]: "piped",
      signal: LIMIT,
      detached: forks,
    }).spawn();
    // Those of a detached process go with it.
    this.#target = forks ? -this.#process.pid : this.#process.pid;
    this.#lines = lines(this.#process[output]);
  }

  /** The next line of its output. */
  async line(): Promise<string> {
    const { value, done } = await this.#lines.next();
    if (done) throw new Error("A child process has ended early");
    return value;
  }

  /** Takes the rest of its output, so that it never waits for that. */
  async drain(): Promise<void> {
    while (!(await this.#lines.next()).done);
  }

  /** Sends it an empty line. */
  async prompt(): Promise<void> {
    const writer = this.#process.stdin.getWriter();
    await writer.write(new TextEncoder().encode("\n"));
    writer.releaseLock();
  }

  /** The processor time that it has taken, in microseconds. */
  cpu(): Promise<number> {
    return cpuOf(this.#process.pid);
  }

  /** The memory that it holds, in bytes. */
  memory(): Promise<number> {
    return memoryOf(this.#process.pid);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    try {
      Deno.kill(this.#target, "SIGKILL");
    } catch {
      // It has ended by itself.
    }
    await this.#process.status;
    await this.#process.stdin.close().catch(() => {});
    await this.drain();
  }
}

async function* lines(
  stream: ReadableStream<Uint8Array<ArrayBuffer>>,
): AsyncGenerator<string, void> {
  let rest = "";
  for await (const text of stream.pipeThrough(new TextDecoderStream())) {
    const all = (rest + text).split("\n");
    rest = all.pop() ?? "";
    yield* all;
  }
}
