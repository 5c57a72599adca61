import { Log, type LogOptions } from "../../../src/cli/serve/log.ts";
import type { Output } from "../../../src/runtimes/runtime.ts";
import { assert, assertEquals } from "../../helpers/assert.ts";
import { FakeClock, settled } from "../../helpers/fake_clock.ts";
import { systemError } from "../../helpers/memory.ts";

/** An output in memory, which takes what it has room for. */
class MemoryOutput implements Output {
  written = "";
  /** How many bytes it takes before it is full. */
  room = Infinity;
  /** What it says when it is full; without, it keeps the writer waiting. */
  fullError: Error | undefined;
  #readOn = () => {};

  isTerminal() {
    return false;
  }

  async write(p: Uint8Array): Promise<number> {
    while (this.room === 0) {
      if (this.fullError) throw this.fullError;
      await new Promise<void>((resolve) => this.#readOn = resolve);
    }
    const taken = p.subarray(0, this.room);
    this.room -= taken.length;
    this.written += new TextDecoder().decode(taken);
    return taken.length;
  }

  /** Somebody reads everything. */
  read(): void {
    this.room = Infinity;
    this.#readOn();
  }
}

/** A log in memory. */
function memoryLog(options: Partial<LogOptions> = {}) {
  const output = new MemoryOutput();
  const log = new Log(output, {
    format: "text",
    level: "debug",
    colour: false,
    ...options,
  });
  return { log, output };
}

/** What a log has written after all of that. */
async function written(
  options: Partial<LogOptions>,
  write: (log: Log) => void,
): Promise<string> {
  const { log, output } = memoryLog(options);
  write(log);
  await log[Symbol.asyncDispose]();
  return output.written;
}

Deno.test("Log writes text for people", async () => {
  assertEquals(
    await written({}, (log) => {
      log.write("info", "listening", "Listening on x", { endpoint: "x" });
      log.error("Broken");
    }),
    "Listening on x\nBroken\n",
  );
});

Deno.test("Log writes one JSON object a line", async () => {
  const before = new Date().toISOString();
  const line = await written({ format: "json", colour: true }, (log) => {
    log.write("debug", "close", "closed", { remote: "a\nb", bytes: 3 });
  });
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

Deno.test("Log writes nothing below its level", async () => {
  const levels = ["debug", "info", "warn", "error"] as const;
  for (const [index, level] of levels.entries()) {
    assertEquals(
      await written({ level }, (log) => {
        for (const level of levels) log.write(level, "event", level, {});
      }),
      levels.slice(index).map((level) => `${level}\n`).join(""),
    );
  }
});

Deno.test("No text breaks a line or reaches the terminal's controls", async () => {
  assertEquals(
    await written({}, (log) => log.error("a\nb\r\x1b[2J\u2028c\u202ed")),
    "a�b��[2J�c�d\n",
  );
});

Deno.test("Log colours only where it may", async () => {
  assertEquals(
    await written({ colour: true }, (log) => {
      log.error("red");
      log.write("info", "listening", "plain", {});
      log.write("warn", "lost", "yellow", {});
    }),
    "\x1b[31mred\x1b[0m\nplain\n\x1b[33myellow\x1b[0m\n",
  );
});

Deno.test("A log that nobody can read is no error", async () => {
  const { log, output } = memoryLog();
  output.room = 0;
  output.fullError = systemError("EPIPE");
  log.error("unheard");
  await settled();
  output.room = Infinity;
  log.error("heard");
  await log[Symbol.asyncDispose]();
  assertEquals(output.written, "heard\n");
});

for (const fullError of [undefined, systemError("EAGAIN")]) {
  const how = fullError ? "says so" : "keeps the writer waiting";

  Deno.test(`A full output that ${how} gets the rest once it is read`, async () => {
    using clock = new FakeClock();
    const { log, output } = memoryLog();
    output.room = 3;
    output.fullError = fullError;
    log.error("first");
    log.error("second");
    await clock.advance(1_000);
    assertEquals(output.written, "fir");
    output.read();
    await clock.advance(20);
    assertEquals(output.written, "first\nsecond\n");
    assertEquals(clock.timers, 0);
  });

  Deno.test(`A full output that ${how} costs bounded memory, and says what is lost`, async () => {
    using clock = new FakeClock();
    const { log, output } = memoryLog({ format: "json" });
    output.room = 10;
    output.fullError = fullError;
    const line = "x".repeat(1_000);
    for (let n = 0; n < 2_000; n++) {
      log.write("info", "open", "", { n, line });
      if (n === 0) await settled();
    }
    output.read();
    await clock.advance(20);
    log.write("info", "open", "", { n: 2_000, line });
    await settled();
    const events = output.written.trimEnd().split("\n")
      .map((line) => JSON.parse(line));
    assertEquals(events.filter(({ event }) => event === "lost").length, 1);
    const kept = events.findIndex(({ event }) => event === "lost");
    assert(kept >= 240 && kept <= 260, `${kept} lines were kept`);
    const { level, lines } = events[kept];
    assertEquals([level, lines], ["warn", 2_000 - kept]);
    assertEquals(
      events.filter(({ event }) => event === "open").map(({ n }) => n),
      [...Array(kept).keys(), 2_000],
    );
  });

  Deno.test(`A full output that ${how} is waited for a second at the end`, async () => {
    using clock = new FakeClock();
    const { log, output } = memoryLog();
    output.room = 0;
    output.fullError = fullError;
    log.error("last");
    let closed = false;
    const closing = log[Symbol.asyncDispose]().then(() => closed = true);
    await clock.advance(999);
    assertEquals(closed, false);
    await clock.advance(1);
    await closing;
    output.read();
    await clock.advance(20);
    assertEquals(clock.timers, 0);
  });
}
