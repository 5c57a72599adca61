import { TemporaryDirectory } from "../helpers/certificates.ts";
import { Program } from "../helpers/program.ts";
import type { Runtime } from "../helpers/runtimes.ts";

const CONFIGURATION = new URL(
  "../../deploy/haproxy/haproxy.cfg",
  import.meta.url,
);
/** How long to wait before HAProxy is asked again, in milliseconds. */
const INTERVAL = 10;

/** What HAProxy says of a server. */
export interface ServerState {
  readonly isUp: boolean;
  /** How many clients it has been given. */
  readonly clients: number;
  /** How often it could not be connected to, and was tried again or another one was. */
  readonly vain: number;
}

/**
 * HAProxy in front of three echods: by the configuration that is shipped, but with
 * other addresses, and by the options that stand there.
 */
export class Fleet implements AsyncDisposable {
  /** The endpoint for clients. */
  readonly endpoint: string;
  readonly haproxy: Program;
  /** The echods. */
  readonly servers: Program[];
  readonly #directory: TemporaryDirectory;
  readonly #start: (index: number) => Program;

  private constructor(runtime: Runtime, text: string) {
    this.#directory = new TemporaryDirectory();
    // Addresses that nobody else has, and ports that the system gives to no client.
    const port = 10_000 + Math.floor(Math.random() * 20_000);
    const [front, admin] = ["127.0.0.10", port + 1];
    const addressOf = (index: number) => `127.0.0.${11 + index}`;
    const options = only(/^#.* (--max-connections .*)$/m, text).split(" ");
    this.endpoint = `tcp://${front}:${port}`;
    this.#start = (index) =>
      Program.start(
        runtime,
        `tcp://${addressOf(index)}:${port}?proxy=127.0.0.0/8`,
        `--admin=${addressOf(index)}:${admin}`,
        ...options,
      );
    const servers = [0, 1, 2];
    const config = servers.reduce(
      (text, index) =>
        replaced(
          text,
          `server echod${index + 1} 10.0.0.${11 + index}:3000\n`,
          `server echod${index + 1} ${addressOf(index)}:${port}\n`,
        ),
      replaced(
        replaced(
          replaced(text, "bind :3000\n", `bind ${front}:${port}\n`),
          "check port 9090 ",
          `check port ${admin} `,
        ),
        "/run/haproxy/admin.sock",
        this.#directory.file("admin.sock"),
      ),
    );
    const path = this.#directory.file("haproxy.cfg");
    Deno.writeTextFileSync(path, config);
    this.servers = servers.map(this.#start);
    this.haproxy = new Program("haproxy", ["-W", "-db", "-f", path]);
  }

  /** Starts all; resolves when HAProxy knows that the servers are there. */
  static async start(runtime: Runtime): Promise<Fleet> {
    const fleet = new Fleet(runtime, await Deno.readTextFile(CONFIGURATION));
    try {
      for (const server of fleet.servers) await server.port();
      await fleet.haproxy.line(/Loading success/);
      for (const index of fleet.servers.keys()) {
        // HAProxy takes a server for one that is there until it has asked.
        await fleet.until(index, ({ isUp }) => isUp);
      }
      return fleet;
    } catch (error) {
      await fleet[Symbol.asyncDispose]();
      throw error;
    }
  }

  /** Starts a server that has ended anew; resolves when it listens. */
  async startAgain(index: number): Promise<void> {
    await this.servers[index]?.ended();
    const server = this.#start(index);
    this.servers[index] = server;
    await server.port();
  }

  /** The process of HAProxy that serves; the first one only watches it. */
  async pidOfHaproxy(): Promise<number> {
    return Number(/^Pid: (\d+)$/m.exec(await this.#ask("show info"))?.[1]);
  }

  /** What HAProxy says of a server. */
  async stateOf(index: number): Promise<ServerState> {
    const table = await this.#ask("show stat");
    const [head = "", ...rows] = table.split("\n");
    const names = head.replace("# ", "").split(",");
    const row = rows.find((row) => row.startsWith(`echods,echod${index + 1},`));
    const fields = row?.split(",") ?? [];
    const valueOf = (name: string) => fields[names.indexOf(name)] ?? "";
    return {
      isUp: valueOf("status").startsWith("UP"),
      clients: Number(valueOf("stot")),
      vain: Number(valueOf("wretr")) + Number(valueOf("wredis")),
    };
  }

  async #ask(command: string): Promise<string> {
    const path = this.#directory.file("admin.sock");
    using connection = await Deno.connect({ transport: "unix", path });
    await connection.write(new TextEncoder().encode(`${command}\n`));
    return await new Response(connection.readable).text();
  }

  /** Asks HAProxy until it says that of a server; resolves with how long it took. */
  async until(
    index: number,
    condition: (state: ServerState) => boolean,
  ): Promise<number> {
    const startedAt = performance.now();
    while (!condition(await this.stateOf(index))) {
      await new Promise((resolve) => setTimeout(resolve, INTERVAL));
    }
    return performance.now() - startedAt;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const one of [this.haproxy, ...this.servers]) {
      await one[Symbol.asyncDispose]();
    }
    this.#directory[Symbol.dispose]();
  }
}

/** The text with a part replaced that must be there once. */
function replaced(text: string, part: string, by: string): string {
  const parts = text.split(part);
  if (parts.length !== 2) {
    throw new Error(`Not once in haproxy.cfg: ${JSON.stringify(part)}`);
  }
  return parts.join(by);
}

/** The group of a pattern that must match. */
function only(pattern: RegExp, text: string): string {
  const [, group] = pattern.exec(text) ?? [];
  if (group === undefined) throw new Error(`Not in haproxy.cfg: ${pattern}`);
  return group;
}
