import { Program } from "./program.ts";
import type { Runtime } from "./runtimes.ts";

/** Holds the sockets, and runs echod on them again whenever it has ended. */
const LOOP = `
trap 'kill -KILL "$child"; exit' TERM
while :; do
  "$@" & child=$!
  echo "Started $child" >&2
  wait "$child"
done`;

/** echod under a supervisor: a loop that real socket activation has passed sockets to. */
export class Supervisor implements AsyncDisposable {
  /** Says what all of them have logged. */
  readonly program: Program;
  /** Where the sockets are: ports, or paths. */
  readonly places: readonly string[];

  private constructor(program: Program, places: readonly string[]) {
    this.program = program;
    this.places = places;
  }

  /**
   * Listens on paths, and for each `"tcp"` on a free port. echod starts with the
   * first client.
   */
  static async listen(
    where: readonly string[],
    { command, args }: Runtime,
    ...own: string[]
  ): Promise<Supervisor> {
    for (;;) {
      // Below those that the system gives to clients.
      const places = where.map((place) =>
        place === "tcp"
          ? `${10_000 + Math.floor(Math.random() * 20_000)}`
          : place
      );
      const listening = places.flatMap((place) => [
        "-l",
        place.startsWith("/") ? place : `127.0.0.1:${place}`,
      ]);
      const echod = [command, ...args, "mod.ts", ...own];
      const supervisor = ["bash", "-c", LOOP, "supervisor", ...echod];
      const program = new Program("systemd-socket-activate", [
        ...listening,
        ...supervisor,
      ]);
      try {
        await program.line(RegExp(` as ${2 + places.length}\\.$`));
        return new Supervisor(program, places);
      } catch (error) {
        if (!String(error).includes("in use")) throw error;
      }
    }
  }

  /** Resolves with the process of echod when it listens for the n-th time. */
  async started(times: number): Promise<number> {
    const { length } = this.places;
    await this.program.matches(/^Listening on \w+:\/\//, times * length);
    const pids = await this.program.matches(/^Started (\d+)$/, times);
    return Number(pids[times - 1]?.[1]);
  }

  async [Symbol.asyncDispose]() {
    this.program.signal("SIGTERM");
    await this.program.ended();
  }
}
