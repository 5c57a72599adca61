import type { Stats } from "../core/server.ts";
import type { ConnectionFigures } from "./connections.ts";
import type { Delays } from "./event_loop_delay.ts";

/** What the admin listener tells about: a server, or several that act as one. */
export interface Source {
  /** Returns a snapshot of its numbers. */
  stats(): Omit<Stats, "peak">;
  /** Lists the newest connections, newest first. */
  connections(limit: number): Promise<readonly ConnectionFigures[]>;
  /** Returns how late its event loops are. */
  delays(): Delays;
  /** The number of lines that the log has lost; undefined if there is no log. */
  readonly lostLines?: number | undefined;
}
