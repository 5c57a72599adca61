import type { Stats } from "../core/echo_server.ts";
import type { ConnectionFigures, Survey } from "./connections.ts";
import type { Delays } from "./event_loop_delay.ts";

/** What the admin listener tells about: a server, or several that act as one. */
export interface Source {
  /** Returns a snapshot of its numbers. */
  stats(): Omit<Stats, "peak">;
  /** Lists the newest connections, newest first. */
  connections(limit: number): Promise<readonly ConnectionFigures[]>;
  /** Lists the same, and says how busy all of them have been since the last survey. */
  survey(limit: number): Promise<Survey>;
  /** Returns how late its event loops are. */
  delays(): Delays;
  /** Its limits, by name, in words. */
  readonly limits?: readonly (readonly [name: string, value: string])[];
  /** What its endpoints have that is not in their address, by endpoint. */
  readonly notes?: ReadonlyMap<string, string>;
  /** The number of lines that the log has lost; undefined if there is no log. */
  readonly lostLines?: number | undefined;
}
