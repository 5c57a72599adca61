import type { Output } from "../runtime.ts";

/** How important a line is. */
export type Level = "debug" | "info" | "error";

/** How lines are written, and which. */
export interface LogOptions {
  /** For people, or one JSON object a line. */
  readonly format: "text" | "json";
  /** The least level that is written. */
  readonly level: Level;
  /** Whether text may be coloured. */
  readonly colour: boolean;
}

const LEVELS: readonly Level[] = ["debug", "info", "error"];
const COLOURS: Readonly<Record<Level, string>> = {
  debug: "\x1b[2m", // dim
  info: "",
  error: "\x1b[31m", // red
};

/** The program's log: one line an event. */
export class Log {
  readonly #output: Output;
  readonly #options: LogOptions;

  constructor(output: Output, options: LogOptions) {
    this.#output = output;
    this.#options = options;
  }

  /** Writes one line: `text` for people, or the event and its fields in JSON. */
  write(level: Level, event: string, text: string, fields: object): void {
    if (LEVELS.indexOf(level) < LEVELS.indexOf(this.#options.level)) return;
    const line = this.#options.format === "json"
      ? JSON.stringify({ time: new Date(), level, event, ...fields })
      : this.#paint(level, text.replace(/[\p{C}\p{Zl}\p{Zp}]/gu, "\u{FFFD}"));
    try {
      this.#output.write(`${line}\n`);
    } catch {
      // A log that nobody can read any more must not end the server.
    }
  }

  /** Writes what went wrong. */
  error(message: string): void {
    this.write("error", "error", message, { message });
  }

  #paint(level: Level, text: string): string {
    const colour = this.#options.colour ? COLOURS[level] : "";
    return colour && `${colour}${text}\x1b[0m` || text;
  }
}
