import { Log, type LogOptions } from "../src/cli/log.ts";
import { assert, assertEquals } from "./assert.ts";

/** A log that writes into an array. */
function memoryLog(options: Partial<LogOptions> = {}) {
  const written: string[] = [];
  const log = new Log(
    { isTerminal: () => false, write: (text) => void written.push(text) },
    { format: "text", level: "debug", colour: false, ...options },
  );
  return { log, written };
}

Deno.test("Log writes text for people", () => {
  const { log, written } = memoryLog();
  log.write("info", "listening", "Listening on x", { endpoint: "x" });
  log.error("Broken");
  assertEquals(written, ["Listening on x\n", "Broken\n"]);
});

Deno.test("Log writes one JSON object a line", () => {
  const { log, written } = memoryLog({ format: "json", colour: true });
  const before = new Date().toISOString();
  log.write("debug", "close", "closed", { remote: "a\nb", bytes: 3 });
  const [line = ""] = written;
  assertEquals(line.indexOf("\n"), line.length - 1);
  const { time, ...rest } = JSON.parse(line);
  assert(time >= before && time <= new Date().toISOString());
  assertEquals(rest, {
    level: "debug",
    event: "close",
    remote: "a\nb",
    bytes: 3,
  });
});

Deno.test("Log writes nothing below its level", () => {
  for (
    const [level, expected] of [["debug", 3], ["info", 2], [
      "error",
      1,
    ]] as const
  ) {
    const { log, written } = memoryLog({ level });
    log.write("debug", "open", "opened", {});
    log.write("info", "listening", "listening", {});
    log.error("error");
    assertEquals(written.length, expected);
  }
});

Deno.test("No text breaks a line or reaches the terminal's controls", () => {
  const { log, written } = memoryLog();
  log.error("a\nb\r\x1b[2J\u2028c\u202ed");
  assertEquals(written, ["a�b��[2J�c�d\n"]);
});

Deno.test("Log colours only where it may", () => {
  const { log, written } = memoryLog({ colour: true });
  log.error("red");
  log.write("info", "listening", "plain", {});
  assertEquals(written, ["\x1b[31mred\x1b[0m\n", "plain\n"]);
});

Deno.test("A log that nobody can read is no error", () => {
  const log = new Log({
    isTerminal: () => false,
    write() {
      throw new Error("Broken pipe");
    },
  }, { format: "text", level: "info", colour: false });
  log.error("unheard");
});
