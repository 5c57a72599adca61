import type { Output } from "../../runtimes/runtime.ts";
import { formatCount } from "../format.ts";
import { tellText } from "../output.ts";

/** The severity of a line. */
export type Level = "debug" | "info" | "warn" | "error";

/** Options of {@linkcode Log}. */
export interface LogOptions {
  /** Text, or one JSON object per line. */
  readonly format: "text" | "json";
  /** The lowest level to write. */
  readonly level: Level;
  /** Whether to colour text. */
  readonly colour: boolean;
}

const LEVELS: readonly Level[] = ["debug", "info", "warn", "error"];
const COLOURS: Readonly<Record<Level, string>> = {
  debug: "\x1b[2m", // dim
  info: "",
  warn: "\x1b[33m", // yellow
  error: "\x1b[31m", // red
};
/** How much may wait to be written, in characters. */
const ROOM = 256 * 1024;
/** How long to wait for a slow reader at the end, in milliseconds. */
const PATIENCE = 1_000;

/**
 * The program's log, one line per event. Nothing waits for it: if its reader is
 * too slow, a limited number of lines is kept; the others are dropped and counted.
 */
export class Log implements AsyncDisposable {
  readonly #output: Output;
  readonly #options: LogOptions;
  #waiting = "";
  #lost = 0;
  #lostInAll = 0;
  #writing: Promise<void> | undefined;

  constructor(output: Output, options: LogOptions) {
    this.#output = output;
    this.#options = options;
  }

  /** How many lines have been dropped so far. */
  get lostLines(): number {
    return this.#lostInAll;
  }

  /** Writes one line: `text`, or the event and its fields as JSON. */
  write(level: Level, event: string, text: string, fields: object): void {
    if (LEVELS.indexOf(level) < LEVELS.indexOf(this.#options.level)) return;
    if (this.#waiting.length > ROOM) {
      this.#lost++;
      this.#lostInAll++;
      return;
    }
    this.#waiting += this.#line(level, event, text, fields);
    this.#writing ??= this.#writeWaiting();
  }

  /** Writes an error. */
  error(message: string): void {
    this.write("error", "error", message, { message });
  }

  /** Resolves when everything is written, or after a second. */
  async [Symbol.asyncDispose](): Promise<void> {
    let timer;
    const patience = new Promise<void>((resolve) => {
      timer = setTimeout(resolve, PATIENCE);
    });
    await Promise.race([this.#writing, patience]);
    clearTimeout(timer);
  }

  async #writeWaiting(): Promise<void> {
    while (this.#waiting !== "") {
      const text = this.#waiting + this.#lostLine();
      this.#waiting = "";
      // A log whose reader has gone must not end the server.
      await tellText(this.#output, text);
    }
    this.#writing = undefined;
  }

  #lostLine(): string {
    const lines = this.#lost;
    this.#lost = 0;
    if (lines === 0) return "";
    const text = `${formatCount(lines, "line")} lost: nobody read the log`;
    return this.#line("warn", "lost", text, { lines });
  }

  #line(level: Level, event: string, text: string, fields: object): string {
    const line = this.#options.format === "json"
      ? JSON.stringify({ time: new Date(), level, event, ...fields })
      : this.#paint(level, text.replace(/[\p{C}\p{Zl}\p{Zp}]/gu, "\u{FFFD}"));
    return `${line}\n`;
  }

  #paint(level: Level, text: string): string {
    const colour = this.#options.colour ? COLOURS[level] : "";
    return colour && `${colour}${text}\x1b[0m` || text;
  }
}
