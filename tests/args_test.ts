import { HELP, readArgs, type Settings, UsageError } from "../src/cli/args.ts";
import { assert, assertEquals, assertThrows } from "./assert.ts";

const DEFAULTS: Settings = {
  hostname: "127.0.0.1",
  port: 3000,
  once: false,
  maxConnections: undefined,
  maxPerHost: undefined,
  idleTimeout: undefined,
  maxLifetime: undefined,
  maxBytes: undefined,
  allow: [],
  deny: [],
  grace: 10_000,
  verbose: false,
  logFormat: "text",
  quiet: false,
  help: false,
  version: false,
};

function split(line: string): string[] {
  return line.split(" ").filter(Boolean);
}

const RIGHT: Record<string, Partial<Settings>> = {
  "": {},
  "-H ::1": { hostname: "::1" },
  "-H::1": { hostname: "::1" },
  "--hostname [::1]": { hostname: "::1" },
  "--hostname=localhost": { hostname: "localhost" },
  "-p 0": { port: 0 },
  "-p1": { port: 1 },
  "-p=1": { port: 1 },
  "--port 65535": { port: 65535 },
  "--port=08": { port: 8 },
  "--once": { once: true },
  "-c 1": { maxConnections: 1 },
  "--max-connections=10000": { maxConnections: 10_000 },
  "--idle-timeout 500ms": { idleTimeout: 500 },
  "--idle-timeout 1.5s": { idleTimeout: 1_500 },
  "--idle-timeout=5m": { idleTimeout: 300_000 },
  "--idle-timeout 1h": { idleTimeout: 3_600_000 },
  "--grace 0s": { grace: 0 },
  "--max-per-host 3": { maxPerHost: 3 },
  "--max-lifetime 2h": { maxLifetime: 7_200_000 },
  "--max-bytes 64": { maxBytes: 64 },
  "--max-bytes=4KiB": { maxBytes: 4_096 },
  "--allow 10.0.0.0/8 --allow=::1": {
    allow: [{ ip: "10.0.0.0", prefix: 8 }, { ip: "::1", prefix: 128 }],
  },
  "--deny 2001:DB8::/32": { deny: [{ ip: "2001:db8::", prefix: 32 }] },
  "-v": { verbose: true },
  "-q": { quiet: true },
  "--log-format json": { logFormat: "json" },
  "-hV": { help: true, version: true },
  "-vp 3": { verbose: true, port: 3 },
  "-v --once -c 2 -p 1": {
    verbose: true,
    once: true,
    maxConnections: 2,
    port: 1,
  },
  "--": {},
};

for (const [line, expected] of Object.entries(RIGHT)) {
  Deno.test(`readArgs() takes: ${line}`, () => {
    assertEquals(readArgs(split(line)), { ...DEFAULTS, ...expected });
  });
}

/** Wrong command lines, and what their message has to name. */
const WRONG: Record<string, string[]> = {
  "--bogus": ["--bogus"],
  "-x": ["-x"],
  "--no-once": ["--no-once"],
  "--constructor": ["--constructor"],
  "--__proto__=1": ["--__proto__"],
  "--a.b=1": ["--a.b"],
  "foo": ["foo"],
  "-": ["-"],
  "-- foo": ["foo"],
  "-p 3000 4000": ["4000"],
  "--port": ["--port", "0 to 65535"],
  "--port=": ["--port"],
  "--port --once": ["--port", "0 to 65535"],
  "--port -5": ["-"],
  "--port 65536": ["--port", "65536", "0 to 65535"],
  "--port 1e3": ["--port", "1e3", "0 to 65535"],
  "--port 0x10": ["--port", "0x10"],
  "--port +5": ["--port", "+5"],
  "--port 1.5": ["--port", "1.5"],
  "-p 1 -p 2": ["--port", "once"],
  "-p 1 --port=1": ["--port", "once"],
  "--once --once": ["--once", "once"],
  "--once=yes": ["--once", "yes", "none"],
  "--once true": ["--once", "true", "none"],
  "--once=false": ["--once", "false", "none"],
  "-v 3": ["--verbose", "3", "none"],
  "-Hlocalhost": ["-Hlocalhost"],
  "-c 0": ["--max-connections", "0", "from 1"],
  "-c -1": ["-"],
  "--idle-timeout 30": ["--idle-timeout", "30", "500ms"],
  "--idle-timeout 0s": ["--idle-timeout", "0s", "more than 0"],
  "--idle-timeout 5d": ["--idle-timeout", "5d", "1h"],
  "--idle-timeout s": ["--idle-timeout", "s", "unit"],
  "--grace 10": ["--grace", "10", "unit"],
  "--grace 597h": ["--grace", "597h", "596h at most"],
  "--max-per-host 0": ["--max-per-host", "0", "from 1"],
  "--max-lifetime 0s": ["--max-lifetime", "0s", "more than 0"],
  "--max-bytes 0": ["--max-bytes", "0", "4KiB"],
  "--max-bytes 4k": ["--max-bytes", "4k", "4KiB"],
  "--max-bytes 1 --max-bytes 2": ["--max-bytes", "once"],
  "--allow": ["--allow", "10.0.0.0/8"],
  "--allow --once": ["--allow", "10.0.0.0/8"],
  "--deny localhost": ["--deny", "localhost", "10.0.0.0/8"],
  "--deny ::1 --deny 10.0.0.0/33": ["--deny", "10.0.0.0/33", "10.0.0.0/8"],
  "--log-format xml": ["--log-format", "xml", "text or json"],
  "-v -q": ["--verbose", "--quiet"],
};

for (const [line, parts] of Object.entries(WRONG)) {
  Deno.test(`readArgs() refuses: ${line}`, () => {
    const { message } = assertThrows(() => readArgs(split(line)), UsageError);
    assert(!message.includes("\n"));
    for (const part of parts) assert(message.includes(part), message);
  });
}

Deno.test("readArgs() refuses an empty value, and keeps its message on one line", () => {
  assertThrows(() => readArgs(["--hostname", ""]), UsageError);
  const { message } = assertThrows(() => readArgs(["a\nb"]), UsageError);
  assert(!message.includes("\n"));
});

Deno.test("The help names every option", () => {
  for (const name of Object.keys(DEFAULTS)) {
    const option = name.replace(
      /[A-Z]/g,
      (letter) => `-${letter.toLowerCase()}`,
    );
    assert(HELP.includes(`--${option} `), option);
  }
});
