import { loadParseArgs } from "../../../src/cli/parse_args.ts";
import {
  HELP,
  readArgs,
  type Settings,
} from "../../../src/cli/serve/settings.ts";
import { UsageError } from "../../../src/cli/command_line.ts";
import type { EndpointSettings } from "../../../src/cli/serve/endpoint_settings.ts";
import { assert, assertEquals, assertRejects } from "../../helpers/assert.ts";

const parseArgs = await loadParseArgs();
const loadParser = () => Promise.resolve(parseArgs);

const DEFAULTS: Settings = {
  endpoints: [tcp("127.0.0.1", 3000)],
  tlsCert: undefined,
  tlsKey: undefined,
  unixMode: undefined,
  udpAnySource: false,
  workers: 1,
  once: false,
  maxConnections: undefined,
  maxPerHost: undefined,
  idleTimeout: undefined,
  maxLifetime: undefined,
  maxBytes: undefined,
  allow: [],
  deny: [],
  admin: undefined,
  adminHost: [],
  shutdownDelay: 0,
  grace: 10_000,
  verbose: false,
  logFormat: "text",
  quiet: false,
};

function tcp(hostname: string, port: number): EndpointSettings {
  return { addr: { transport: "tcp", hostname, port } };
}

function split(line: string): string[] {
  return line.split(" ").filter(Boolean);
}

const RIGHT: Record<string, Partial<Settings>> = {
  "": {},
  "-H ::1": { endpoints: [tcp("::1", 3000)] },
  "-H::1": { endpoints: [tcp("::1", 3000)] },
  "-Hlocalhost": { endpoints: [tcp("localhost", 3000)] },
  "--hostname [::1]": { endpoints: [tcp("::1", 3000)] },
  "--hostname=localhost": { endpoints: [tcp("localhost", 3000)] },
  "-p 0": { endpoints: [tcp("127.0.0.1", 0)] },
  "-p1": { endpoints: [tcp("127.0.0.1", 1)] },
  "-p=1": { endpoints: [tcp("127.0.0.1", 1)] },
  "--port 65535": { endpoints: [tcp("127.0.0.1", 65535)] },
  "--port=08": { endpoints: [tcp("127.0.0.1", 8)] },
  "--workers 3": { workers: 3 },
  "--workers auto": { workers: navigator.hardwareConcurrency },
  "--workers 2 -c 2 --max-per-host 2": {
    workers: 2,
    maxConnections: 2,
    maxPerHost: 2,
  },
  "--once": { once: true },
  "-c 1": { maxConnections: 1 },
  "--max-connections=10000": { maxConnections: 10_000 },
  "--idle-timeout 500ms": { idleTimeout: 500 },
  "--idle-timeout 1.5s": { idleTimeout: 1_500 },
  "--idle-timeout=5m": { idleTimeout: 300_000 },
  "--idle-timeout 1h": { idleTimeout: 3_600_000 },
  "--grace 0s": { grace: 0 },
  "--shutdown-delay 5s": { shutdownDelay: 5_000 },
  "--max-per-host 3": { maxPerHost: 3 },
  "--max-lifetime 2h": { maxLifetime: 7_200_000 },
  "--max-bytes 64": { maxBytes: 64 },
  "--max-bytes=4KiB": { maxBytes: 4_096 },
  "--allow 10.0.0.0/8 --allow=::1": {
    allow: [{ ip: "10.0.0.0", prefix: 8 }, { ip: "::1", prefix: 128 }],
  },
  "--deny 2001:DB8::/32": { deny: [{ ip: "2001:db8::", prefix: 32 }] },
  "--admin 0.0.0.0:9090": { admin: { hostname: "0.0.0.0", port: 9090 } },
  "--admin :0": { admin: { hostname: "127.0.0.1", port: 0 } },
  "--admin=[::1]:1": { admin: { hostname: "::1", port: 1 } },
  "--admin localhost:1 --admin-host a.example --admin-host [::1]": {
    admin: { hostname: "localhost", port: 1 },
    adminHost: ["a.example", "::1"],
  },
  "-v": { verbose: true },
  "-q": { quiet: true },
  "--log-format json": { logFormat: "json" },
  "-vp 3": {
    verbose: true,
    endpoints: [tcp("127.0.0.1", 3)],
  },
  "-v --once -c 2 -p 1": {
    verbose: true,
    once: true,
    maxConnections: 2,
    endpoints: [tcp("127.0.0.1", 1)],
  },
  "--": {},
  "tcp://[::1]:0": { endpoints: [tcp("::1", 0)] },
  "-v tcp://:1 --once -- tcp://localhost:2": {
    verbose: true,
    once: true,
    endpoints: [tcp("::", 1), tcp("localhost", 2)],
  },
  "--unix-mode 0660 unix:///run/e.sock": {
    endpoints: [{ addr: { transport: "unix", path: "/run/e.sock" } }],
    unixMode: 0o660,
  },
  "--unix-mode=7 unix:///e": {
    endpoints: [{ addr: { transport: "unix", path: "/e" } }],
    unixMode: 7,
  },
  "--udp-any-source udp://:7": {
    endpoints: [{ addr: { transport: "udp", hostname: "::", port: 7 } }],
    udpAnySource: true,
  },
  "tcp://:1?delay=50ms&jitter=1.5ms&window=64KiB&rate=64KiB&slice=1..4KiB": {
    endpoints: [{
      ...tcp("::", 1),
      faults: {
        delay: 50,
        jitter: 1.5,
        window: 65_536,
        rate: 65_536,
        slice: [1, 4_096],
      },
    }],
  },
  "tcp://:1?stall=1s&after=0&reset=0&close=1MiB&corrupt=0.5%&share=10%&seed=7":
    {
      endpoints: [{
        ...tcp("::", 1),
        faults: {
          stall: 1_000,
          after: 0,
          reset: 0,
          close: 1_048_576,
          corrupt: 0.5,
          share: 10,
          seed: 7,
        },
      }],
    },
  "unix:///e?deaf unix:///f?mute&slice=3": {
    endpoints: [
      { addr: { transport: "unix", path: "/e" }, faults: { deaf: true } },
      {
        addr: { transport: "unix", path: "/f" },
        faults: { slice: [3, 3], mute: true },
      },
    ],
  },
  "udp://:1?drop=2%&duplicate=100%&reorder=0%&delay=1s": {
    endpoints: [{
      addr: { transport: "udp", hostname: "::", port: 1 },
      faults: { delay: 1_000, drop: 2, duplicate: 100, reorder: 0 },
    }],
  },
  "--tls-cert c.pem tls://:1 --tls-key=k.pem": {
    endpoints: [{ addr: { transport: "tls", hostname: "::", port: 1 } }],
    tlsCert: "c.pem",
    tlsKey: "k.pem",
  },
};

for (const [line, expected] of Object.entries(RIGHT)) {
  Deno.test(`readArgs() takes: ${line}`, async () => {
    assertEquals(await readArgs(split(line), loadParser), {
      ...DEFAULTS,
      ...expected,
    });
  });
}

/** Wrong command lines, and what their message has to name. */
const WRONG: Record<string, string[]> = {
  "--bogus": ["--bogus"],
  "tcp://:1?delay=50": ['"50"', "delay", "such as 500ms"],
  "tcp://:1?delay=0s": ['"0s"', "delay", "more than 0"],
  "tcp://:1?delay": ["Missing value", "delay", "such as 500ms"],
  "tcp://:1?rate=64K": ['"64K"', "rate", "64, 4KiB"],
  "tcp://:1?slice=5..1": ['"5..1"', "slice", "1..64KiB"],
  "tcp://:1?reset=x": ['"x"', "reset", "such as 0, 64"],
  "tcp://:1?mute=yes": ['"yes"', "mute", "none"],
  "tcp://:1?mute&share=10": ['"10"', "share", "10% or 0.5%"],
  "tcp://:1?mute&share=101%": ['"101%"', "share"],
  "tcp://:1?mute&seed=4294967296": ["seed", "4294967295"],
  "tcp://:1?mute&mute": ["mute", "2 times", "once"],
  "tcp://:1?jitter=1ms": ["jitter needs delay", '"tcp://:1?jitter=1ms"'],
  "tcp://:1?delay=1ms&jitter=2ms": ["jitter", "at most delay"],
  "tcp://:1?after=1": ["after needs stall"],
  "tcp://:1?share=10%": ["share needs a fault"],
  "tcp://:1?drop=1%": ["drop", "belongs to udp://", "tcp:// accepts delay"],
  "udp://:1?rate=1": ["rate", "belongs to tcp://", "udp:// accepts delay"],
  "unix:///e?reset=1": [
    "reset",
    "belongs to tcp://, tls:// and fd://",
    "unix:// accepts",
  ],
  "tcp://:1?bogus=1": ['"bogus"', '"tcp://:1?bogus=1"', "tcp:// accepts"],
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
  "-c 0": ["--max-connections", "0", "from 1"],
  "-c -1": ["-"],
  "--idle-timeout 30": ["--idle-timeout", "30", "500ms"],
  "--idle-timeout 0s": ["--idle-timeout", "0s", "more than 0"],
  "--idle-timeout 5d": ["--idle-timeout", "5d", "1h"],
  "--idle-timeout s": ["--idle-timeout", "s", "unit"],
  "--shutdown-delay 5": ["--shutdown-delay", "5", "unit"],
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
  "--admin 9090": ["--admin", "9090", "HOST:PORT"],
  "--admin=http://:1": ["--admin", "HOST:PORT"],
  "--admin :65536": ["--admin", "0 to 65535"],
  "--admin ::1": ["--admin", "HOST:PORT"],
  "--admin :1 --admin :2": ["--admin", "once"],
  "--admin-host a": ["--admin-host", "--admin HOST:PORT"],
  "--admin :1 --admin-host a:1": ["--admin-host", "without a port"],
  "--log-format xml": ["--log-format", "xml", "text or json"],
  "-v -q": ["--verbose", "--quiet"],
  "--workers 0": ["--workers", "0", "a whole number from 1, or auto"],
  "--workers 2 --once": ["--once", "--workers 1"],
  "--workers 2 unix:///e udp://:1": ["--workers", "tcp://HOST:PORT"],
  "--workers 2 tcp://:1 fd://3": ["--workers", "fd://N", "one of them"],
  "--once fd://3": ["--once", "fd://N", "one of them"],
  "fd://3 fd://4 fd://3": ["fd://3", "several times", "once"],
  "fd://x": ["fd://x", "a descriptor's number"],
  "fd://3?tls": ["tls", "fd:// accepts"],
  "fd://3?drop=1%": ["drop", "udp://"],
  "--workers 3 -c 2": ["--max-connections", "3 or more"],
  "--workers 3 --max-per-host 2": ["--max-per-host", "3 or more"],
  "localhost:3000": ["localhost:3000", "tcp://HOST:PORT"],
  "-- http://localhost:80": ["http://localhost:80", "tcp://HOST:PORT"],
  "tcp://localhost": ["tcp://localhost", "with a port"],
  "-v localhost:3000": ["--verbose", "localhost:3000"],
  "-p 1 tcp://:1": ["--hostname", "--port", "tcp://HOST:PORT"],
  "tcp://:1 -H ::1": ["--hostname", "--port", "tcp://HOST:PORT"],
  "tls://:1": ["tls://", "--tls-cert", "--tls-key"],
  "tls://:1 --tls-cert c": ["tls://", "--tls-cert", "--tls-key"],
  "tls://:1 --tls-key k": ["tls://", "--tls-cert", "--tls-key"],
  "--tls-cert c": ["--tls-cert", "tls://HOST:PORT"],
  "--tls-key k tcp://:1": ["--tls-key", "tls://HOST:PORT"],
  "--tls-cert": ["--tls-cert", "path"],
  "--unix-mode 600": ["--unix-mode", "unix:///PATH"],
  "--unix-mode 888 unix:///e": ["--unix-mode", "888", "0660"],
  "--unix-mode 01777 unix:///e": ["--unix-mode", "01777", "0660"],
  "--udp-any-source tcp://:1": ["--udp-any-source", "udp://HOST:PORT"],
  "--unix-mode 600 unix:@e": ["--unix-mode", "unix:///PATH"],
  "unix:@": ["unix:@", "unix:@NAME"],
  "unix:e": ["unix:e", "unix:@NAME"],
  "--once udp://:1": ["--once", "tcp://"],
};

for (const [line, parts] of Object.entries(WRONG)) {
  Deno.test(`readArgs() refuses: ${line}`, async () => {
    const { message } = await assertRejects(
      () => readArgs(split(line), loadParser),
      UsageError,
    );
    assert(!message.includes("\n"));
    for (const part of parts) assert(message.includes(part), message);
  });
}

Deno.test("readArgs() refuses an empty value, and keeps its message on one line", async () => {
  await assertRejects(
    () => readArgs(["--hostname", ""], loadParser),
    UsageError,
  );
  const { message } = await assertRejects(
    () => readArgs(["a\nb"], loadParser),
    UsageError,
  );
  assert(!message.includes("\n"));
});

Deno.test("The help names every option", () => {
  const names = Object.keys({ ...DEFAULTS, hostname: "", port: 0 });
  for (const name of names.filter((name) => name !== "endpoints")) {
    const option = name.replace(
      /[A-Z]/g,
      (letter) => `-${letter.toLowerCase()}`,
    );
    assert(HELP.includes(`--${option} `), option);
  }
});
