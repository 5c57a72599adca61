import { fileURLToPath } from "node:url";
import { type Runtime, RUNTIMES } from "../helpers/runtimes.ts";
import { Child, outputOf } from "./child.ts";

/** A server to be measured. */
export interface Subject {
  readonly name: string;
  /** What starts it; `PORT` stands for a free port. */
  readonly command: readonly string[];
  /** The name of the loop that it is compared with. */
  readonly base?: string;
  /** Whether it has a process for every connection: its own figures say nothing then. */
  readonly forks?: boolean;
}

/** A path of this directory. */
export function pathOf(file: string): string {
  return fileURLToPath(new URL(file, import.meta.url));
}

function on(
  { name, command, args }: Runtime,
  bare: { name: string; file: string },
  others: readonly { name: string; file: string }[] = [],
): Subject[] {
  if (!command) return [];
  const base = `${bare.name} (${name})`;
  const run = (file: string) => [command, ...args, pathOf(file)];
  return [
    {
      name: `echod (${name})`,
      command: [...run("../../mod.ts"), "tcp://127.0.0.1:0"],
      base,
    },
    ...[bare, ...others].map(({ name: peer, file }) => ({
      name: `${peer} (${name})`,
      command: run(file),
      base,
    })),
  ];
}

/** The servers that can be measured here. */
export async function findSubjects(scratch: string): Promise<Subject[]> {
  const [deno, node, bun] = RUNTIMES;
  const subjects = [
    ...on(
      deno,
      { name: "bare loop", file: "./peers/bare.ts" },
      [{ name: "`pipeTo`", file: "./peers/pipe_to.ts" }],
    ),
    ...on(node, { name: "`pipe`", file: "./peers/node_pipe.ts" }),
    ...on(bun, { name: "`Bun.listen`", file: "./peers/bun_listen.ts" }),
  ];
  const go = `${scratch}/go_net`;
  if (
    await outputOf("go", "build", "-o", go, pathOf("./peers/go_net.go")) !==
      undefined
  ) {
    subjects.push({ name: "Go `net`", command: ["env", "GOMAXPROCS=1", go] });
  }
  if (await outputOf("socat", "-V")) {
    const listen = "TCP4-LISTEN:0,bind=127.0.0.1,fork,backlog=4096";
    const command = ["socat", "-dd", listen, "PIPE"];
    subjects.push({ name: "socat", command, forks: true });
  }
  if (await outputOf("ncat", "--version")) {
    const listen = ["-l", "127.0.0.1", "PORT", "-k", "-m", "2000"];
    const command = ["ncat", "-v", ...listen, "--exec", "/bin/cat"];
    subjects.push({ name: "ncat", command, forks: true });
  }
  return subjects;
}

/** A server that is running. */
export class Server implements AsyncDisposable {
  readonly child: Child;
  readonly port: number;

  private constructor(child: Child, port: number) {
    this.child = child;
    this.port = port;
  }

  static async start({ command, forks }: Subject): Promise<Server> {
    const free = Deno.listen({ hostname: "127.0.0.1", port: 0 });
    const freePort = String(free.addr.port);
    free.close();
    const child = new Child(
      "stderr",
      0,
      command.map((arg) => arg === "PORT" ? freePort : arg),
      forks,
    );
    for (;;) {
      const line = await child.line();
      const port = /listening on .*:(\d+)$/i.exec(line)?.[1];
      if (!port) continue;
      child.drain();
      return new Server(child, Number(port));
    }
  }

  get endpoint(): string {
    return `tcp://127.0.0.1:${this.port}`;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.child[Symbol.asyncDispose]();
  }
}
