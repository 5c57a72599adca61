import { type Runtime, RUNTIMES } from "./runtimes.ts";

/** How a program has ended. */
export interface Ended {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** Makes a test of the program, on every runtime. */
export function testProgram(
  name: string,
  fn: (runtime: Runtime) => Promise<void>,
  runtimes: readonly Runtime[] = RUNTIMES,
  timeout = 60_000,
): void {
  for (const runtime of runtimes) {
    Deno.test({
      name: nameOf(runtime, name),
      ignore: runtime.command === "",
      timeout,
      fn: () => fn(runtime),
    });
  }
}

/** The name of a test, which says what is missing if it is to be ignored. */
function nameOf(runtime: Runtime, name: string): string {
  const { command, lacks = runtime.name } = runtime;
  const reason = command === "" ? ` (without ${lacks})` : "";
  return `${runtime.name}: ${name}${reason}`;
}

/** The program as a child process. */
export class Program implements AsyncDisposable {
  readonly #child: Deno.ChildProcess;
  readonly #stdout: Promise<string>;
  readonly #read: Promise<void>;
  #stderr = "";
  #changed = () => {};

  constructor(
    command: string,
    args: string[],
    env: Record<string, string> = {},
  ) {
    this.#child = new Deno.Command(command, {
      args,
      env,
      cwd: new URL("../..", import.meta.url),
      stdin: "null",
      stdout: "piped",
      stderr: "piped",
    }).spawn();
    this.#stdout = new Response(this.#child.stdout).text();
    this.#read = this.#readLog();
  }

  /** Starts it on a runtime, with its own arguments. */
  static start({ command, args }: Runtime, ...own: string[]): Program {
    return new Program(command, [...args, "mod.ts", ...own]);
  }

  /** Runs it to its end. */
  static async run(runtime: Runtime, ...args: string[]): Promise<Ended> {
    await using program = Program.start(runtime, ...args);
    return await program.ended();
  }

  get pid(): number {
    return this.#child.pid;
  }

  /** What it has logged so far. */
  get lines(): string[] {
    return this.#stderr.split("\n").slice(0, -1);
  }

  /** Resolves with the first line that matches, as soon as it is there. */
  async line(pattern: RegExp): Promise<RegExpExecArray> {
    const [first] = await this.matches(pattern, 1);
    if (!first) throw new TypeError("There is no first of one");
    return first;
  }

  /** Resolves with the lines that match, as soon as there are so many. */
  async matches(pattern: RegExp, count: number): Promise<RegExpExecArray[]> {
    const find = () =>
      this.lines.map((line) => pattern.exec(line)).filter((one) =>
        one !== null
      );
    for (;;) {
      const found = find();
      if (found.length >= count) return found;
      const ended = await Promise.race([
        new Promise<false>((resolve) => this.#changed = () => resolve(false)),
        this.#read.then(() => true),
      ]);
      if (ended && find().length < count) {
        throw new Error(`No line ${pattern} in:\n${this.#stderr}`);
      }
    }
  }

  /** The port it listens on, once it does. */
  async port(): Promise<number> {
    const line = /^(?:Listening on|.*"listening").*:(\d+)("})?$/;
    return Number((await this.line(line))[1]);
  }

  /** The memory that it holds, in bytes. */
  async memory(): Promise<number> {
    const status = await Deno.readTextFile(`/proc/${this.pid}/status`);
    return Number(/VmRSS:\s*(\d+)/.exec(status)?.[1]) * 1024;
  }

  /** How many descriptors it has open. */
  async descriptors(): Promise<number> {
    const entries = Deno.readDir(`/proc/${this.pid}/fd`);
    return (await Array.fromAsync(entries)).length;
  }

  signal(signal: Deno.Signal): void {
    this.#child.kill(signal);
  }

  async ended(): Promise<Ended> {
    const { code } = await this.#child.status;
    await this.#read;
    return { code, stdout: await this.#stdout, stderr: this.#stderr };
  }

  async [Symbol.asyncDispose]() {
    try {
      this.#child.kill("SIGKILL");
    } catch {
      // It has already ended.
    }
    await this.ended();
  }

  async #readLog(): Promise<void> {
    const text = this.#child.stderr.pipeThrough(new TextDecoderStream());
    for await (const chunk of text) {
      this.#stderr += chunk;
      this.#changed();
    }
  }
}
