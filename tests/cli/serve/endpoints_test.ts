import { listen, serve } from "../../../mod.ts";
import { connectUdp } from "../../../src/runtimes/connect_udp.ts";
import { assert, assertEquals, assertMatch } from "../../helpers/assert.ts";
import {
  certificate,
  makeCertificate,
  TemporaryDirectory,
} from "../../helpers/certificates.ts";
import { Client, pattern } from "../../helpers/client.ts";
import { Peer } from "../../helpers/peer.ts";
import { Program, testProgram as test } from "../../helpers/program.ts";
import { needing, type Runtime, RUNTIMES } from "../../helpers/runtimes.ts";

const [DENO, NODE, BUN] = RUNTIMES;

/** A runtime that may use the files of a directory. */
function withFiles(runtime: Runtime, directory: TemporaryDirectory): Runtime {
  if (runtime !== DENO) return runtime;
  const path = directory.file("");
  const permissions = [`--allow-read=${path}`, `--allow-write=${path}`];
  return { ...runtime, args: [...runtime.args, ...permissions] };
}

/** The port in the line that says where an endpoint listens. */
async function portIn(program: Program, scheme: string): Promise<number> {
  const pattern = RegExp(`^Listening on ${scheme}://127\\.0\\.0\\.1:(\\d+)$`);
  return Number((await program.line(pattern))[1]);
}

test("serves several endpoints, and drains them together", async (runtime) => {
  using directory = new TemporaryDirectory();
  const path = directory.file("echod.sock");
  const [cert, key] = [directory.file("cert.pem"), directory.file("key.pem")];
  makeCertificate(cert, key);
  await using program = Program.start(
    withFiles(runtime, directory),
    "-v",
    "tcp://127.0.0.1:0",
    `unix://${path}`,
    "udp://127.0.0.1:0",
    "tls://127.0.0.1:0",
    `--tls-cert=${cert}`,
    `--tls-key=${key}`,
    "tcp://[::1]:0",
  );
  await program.line(/^Listening on .*::1/);
  assertEquals(
    program.lines.map((line) => line.replace(/\d+$/, "0")),
    [
      "Listening on tcp://127.0.0.1:0",
      `Listening on unix://${path}`,
      "Listening on udp://127.0.0.1:0",
      "Listening on tls://127.0.0.1:0",
      "Listening on tcp://[::1]:0",
    ],
  );
  const udp = await portIn(program, "udp");
  await using tcp = await Client.connect(await portIn(program, "tcp"));
  await using unix = await Client.connectUnix(path);
  assertEquals(await tcp.echo(pattern(10)), pattern(10));
  assertEquals(await unix.echo(pattern(20)), pattern(20));
  await program.line(/^#[12] unix: opened$/);
  await using peer = await Peer.open({ addr: udpAddr(udp) });
  await peer.send(pattern(30));
  assertEquals(await peer.receive(), pattern(30));

  program.signal("SIGTERM");
  await program.line(/^Draining 2 connections/);
  tcp.end();
  unix.end();
  assertEquals((await program.ended()).code, 0);
  await program.line(/^#[12] unix: closed \(eof\): 20 B echoed in \d+ m?s$/);
  assertMatch(
    program.lines.at(-1) ?? "",
    /^Server terminated: 2 connections, 1 datagram \(0 dropped\), 60 B echoed in /,
  );
}, needing(["openssl"]));

function udpAddr(port: number) {
  return { transport: "udp", hostname: "127.0.0.1", port } as const;
}

test("endpoints share --max-connections", async (runtime) => {
  using directory = new TemporaryDirectory();
  const path = directory.file("echod.sock");
  await using program = Program.start(
    withFiles(runtime, directory),
    "-c1",
    "tcp://127.0.0.1:0",
    `unix://${path}`,
  );
  await program.line(/^Listening on unix/);
  await using first = await Client.connect(await portIn(program, "tcp"));
  await first.echo(pattern(1));
  await using second = await Client.connectUnix(path);
  const echoed = second.echo(pattern(2));
  await first.echo(pattern(1));
  first.end();
  assertEquals(await echoed, pattern(2));
});

test("JSON lines name every endpoint, and count datagrams", async (runtime) => {
  await using program = Program.start(
    runtime,
    "--log-format=json",
    "udp://127.0.0.1:0",
    "tcp://127.0.0.1:0",
  );
  const [, port] = await program.line(/"udp:\/\/127\.0\.0\.1:(\d+)"/);
  await program.line(/"tcp:/);
  await using peer = await Peer.open({ addr: udpAddr(Number(port)) });
  await peer.send(pattern(3));
  await peer.receive();
  program.signal("SIGTERM");
  await program.ended();
  const events = program.lines.map((line) => JSON.parse(line));
  assertEquals(
    events.map(({ event }) => event),
    ["listening", "listening", "terminated"],
  );
  const { connections, datagrams, datagramsDropped, bytes } = events[2];
  assertEquals([connections, datagrams, datagramsDropped, bytes], [0, 1, 0, 3]);
});

test("nothing is served if one endpoint cannot be bound", async (runtime) => {
  using directory = new TemporaryDirectory();
  const path = directory.file("echod.sock");
  await using other = Program.start(runtime, "tcp://127.0.0.1:0");
  const taken = await other.port();
  const endpoints = [`unix://${path}`, "udp://127.0.0.1:0"];
  const failed = await Program.run(
    withFiles(runtime, directory),
    ...endpoints,
    `tcp://127.0.0.1:${taken}`,
    "tcp://127.0.0.1:0",
  );
  assertEquals(failed, {
    code: 1,
    stdout: "",
    stderr:
      `Cannot listen on tcp://127.0.0.1:${taken}: address already in use\n`,
  });
  assert(!await exists(path), "the Unix socket is still there");
});

async function exists(path: string): Promise<boolean> {
  return await Deno.lstat(path).then(() => true, () => false);
}

test("a Unix socket is replaced after a crash, and left alone while it is served", async (runtime) => {
  using directory = new TemporaryDirectory();
  const path = directory.file("echod.sock");
  const allowed = withFiles(runtime, directory);
  const args = [`unix://${path}`, "--unix-mode=0660"];
  {
    await using crashing = Program.start(allowed, ...args);
    await crashing.line(/^Listening on/);
  }
  assert(await exists(path), "a crash leaves its socket behind");
  await using program = Program.start(allowed, ...args);
  await program.line(/^Listening on/);
  assertEquals(((await Deno.stat(path)).mode ?? 0) & 0o777, 0o660);

  const second = await Program.run(allowed, ...args);
  assertEquals(
    [second.code, second.stderr],
    [1, `Cannot listen on unix://${path}: address already in use\n`],
  );
  await using client = await Client.connectUnix(path);
  assertEquals(await client.echo(pattern(9)), pattern(9));
  client.end();
  program.signal("SIGTERM");
  assertEquals((await program.ended()).code, 0);
  assert(!await exists(path), "the file is still there");
});

test(
  "a wrong certificate is one line that names the file, and 1",
  async (runtime) => {
    using directory = new TemporaryDirectory();
    const allowed = withFiles(runtime, directory);
    const file = (name: string) => directory.file(name);
    makeCertificate(file("cert.pem"), file("key.pem"));
    makeCertificate(file("other.pem"), file("other_key.pem"));
    await Deno.writeTextFile(file("empty.pem"), "");
    const wrong: [string, string, RegExp][] = [
      ["none.pem", "key.pem", /cannot read \S+none\.pem: /],
      ["cert.pem", "none.pem", /cannot read \S+none\.pem: /],
      ["cert.pem", "empty.pem", /empty\.pem is empty$/],
      ["", "key.pem", /cannot read \S+: /],
      ["key.pem", "key.pem", /key\.pem holds no certificate in PEM$/],
      ["cert.pem", "cert.pem", /cert\.pem holds no private key in PEM/],
      ["cert.pem", "other_key.pem", /other_key\.pem does not fit/],
    ];
    await Promise.all(wrong.map(async ([cert, key, reason]) => {
      const { code, stderr } = await Program.run(
        allowed,
        "tls://127.0.0.1:0",
        `--tls-cert=${file(cert)}`,
        `--tls-key=${file(key)}`,
      );
      assertEquals(code, 1);
      assertMatch(
        stderr,
        /^Cannot listen on tls:\/\/127\.0\.0\.1:0: [^\n]+\n$/,
      );
      assertMatch(stderr.trim(), reason);
    }));
  },
  needing(["openssl"]),
);

test("a wrong endpoint is one line and 2", async (runtime) => {
  const { code, stdout, stderr } = await Program.run(
    runtime,
    "tcp://localhost",
  );
  assertEquals([code, stdout], [2, ""]);
  assertEquals(
    stderr,
    'Invalid endpoint "tcp://localhost": expected tcp://HOST:PORT, with a port\n',
  );
});

test("every endpoint needs its own permissions only", async () => {
  using directory = new TemporaryDirectory();
  const file = (name: string) => directory.file(name);
  makeCertificate(file("cert.pem"), file("key.pem"));
  const socket = file("echod.sock");
  const pem = [
    `--tls-cert=${file("cert.pem")}`,
    `--tls-key=${file("key.pem")}`,
  ];
  // What is missing is named, one after the other; with the last, it listens.
  const needed: [string[], string[]][] = [
    [["udp://127.0.0.1:0"], ["--allow-net=127.0.0.1"]],
    [["tcp://:0"], ["--allow-net=[::],0.0.0.0"]],
    [["tcp://127.0.0.1:0?reset=1"], ["--allow-net=127.0.0.1"]],
    [[`unix://${socket}`], [
      `--allow-read=${socket}`,
      `--allow-write=${socket}`,
      `--allow-net=unix:${socket}`,
    ]],
    [["tls://127.0.0.1:0", ...pem], [
      `--allow-read=${file("cert.pem")},${file("key.pem")}`,
      "--allow-net=127.0.0.1",
    ]],
  ];
  await Promise.all(needed.map(async ([endpoint, permissions]) => {
    for (let count = 0; count <= permissions.length; count++) {
      await using program = new Program(DENO.command, [
        "run",
        "--quiet",
        "--no-prompt",
        ...permissions.slice(0, count),
        "mod.ts",
        ...endpoint,
      ]);
      const missing = permissions[count]?.split("=")[0];
      if (missing === undefined) {
        await program.line(/^Listening on/);
      } else {
        const { code, stderr } = await program.ended();
        assertEquals(code, 1);
        assertMatch(
          stderr,
          RegExp(`^Cannot listen on [^\n]*${missing}[^\n]*\n$`),
        );
      }
    }
  }));
}, needing(["openssl"], [DENO]));

test(
  "with permission for a Unix socket's path alone, it removes its own file only",
  async () => {
    using directory = new TemporaryDirectory();
    const path = directory.file("echod.sock");
    const start = () =>
      new Program(DENO.command, [
        "run",
        "--quiet",
        "--no-prompt",
        `--allow-read=${path}`,
        `--allow-write=${path}`,
        `--allow-net=unix:${path}`,
        "mod.ts",
        `unix://${path}`,
        "--unix-mode=0660",
      ]);
    {
      await using killed = start();
      await killed.line(/^Listening on/);
      killed.signal("SIGKILL");
      await killed.ended();
    }
    await using program = start();
    await program.line(/^Listening on/);
    const { mode } = await Deno.lstat(path);
    assertEquals((mode ?? 0) & 0o777, 0o660);
    await using client = await Client.connectUnix(path);
    assertEquals(await client.echo(pattern(9)), pattern(9));
    {
      await using second = start();
      const { code, stderr } = await second.ended();
      assertEquals(
        [code, stderr],
        [1, `Cannot listen on unix://${path}: address already in use\n`],
      );
    }
    await Deno.remove(path);
    await Deno.writeTextFile(path, "another's");
    client.end();
    program.signal("SIGTERM");
    assertEquals((await program.ended()).code, 0);
    assertEquals(await Deno.readTextFile(path), "another's");

    await Deno.remove(path);
    await using last = start();
    await last.line(/^Listening on/);
    last.signal("SIGTERM");
    assertEquals((await last.ended()).code, 0);
    assertEquals(await exists(path), false);
  },
  [DENO],
);

test("says why a TLS connection has failed", async (runtime) => {
  using directory = new TemporaryDirectory();
  const [cert, key] = [directory.file("cert.pem"), directory.file("key.pem")];
  makeCertificate(cert, key);
  const pem = [`--tls-cert=${cert}`, `--tls-key=${key}`];
  const lines: [string[], RegExp][] = [
    [[], /^#1 127\.0\.0\.1:\d+ closed \(handshake: not TLS\): 0 B echoed in /],
    [
      ["--log-format=json"],
      /"close".*"reason":"handshake","error":"not TLS"}$/,
    ],
  ];
  for (const [options, line] of lines) {
    await using program = Program.start(
      withFiles(runtime, directory),
      "-v",
      ...options,
      "tls://127.0.0.1:0",
      ...pem,
    );
    await using client = await Client.connect(await program.port());
    await client.send("GET / HTTP/1.0\r\n\r\n");
    await program.line(line);
  }
});

test(
  "TLS clients that say nothing, or take nothing, leave nothing behind",
  async (runtime) => {
    using directory = new TemporaryDirectory();
    const [cert, key] = [directory.file("cert.pem"), directory.file("key.pem")];
    await Deno.writeTextFile(cert, certificate().cert);
    await Deno.writeTextFile(key, certificate().key);
    await using program = Program.start(
      runtime,
      "-v",
      "--idle-timeout=500ms",
      "tls://127.0.0.1:0",
      `--tls-cert=${cert}`,
      `--tls-key=${key}`,
    );
    const port = await portIn(program, "tls");
    const descriptors = async () =>
      (await Array.fromAsync(Deno.readDir(`/proc/${program.pid}/fd`))).length;
    const before = await descriptors();
    await using _silent = await Client.connect(port);
    await using deaf = await Client.connectTls(port);
    const sending = deaf.send(new Uint8Array(64 * 1024 * 1024)).catch(() => {});
    for (const id of [1, 2]) {
      await program.line(RegExp(`^#${id} .* closed \\(idle\\)`));
    }
    // A leak would be there for ever.
    while (await descriptors() > before);
    await deaf[Symbol.asyncDispose]();
    await sending;
    // Deno leaves it to such clients to go.
  },
  needing(["openssl"], [NODE, BUN]),
);

/**
 * Starts `second` on the port of a datagram that `first` is still to answer: so
 * `first` takes it for a sender.
 */
async function trick(first: Program, port: number) {
  await first.line(/^Listening on udp/);
  first.signal("SIGSTOP");
  const forger = await Peer.open({ addr: udpAddr(port) });
  const forged = forger.port;
  await forger.send(pattern(5));
  await forger[Symbol.asyncDispose]();
  const second = serve(await listen({ transport: "udp", port: forged }));
  first.signal("SIGCONT");
  return second;
}

test("two of them that are tricked into talking to each other fall silent", async (runtime) => {
  await using program = Program.start(runtime, "udp://127.0.0.1:0");
  const port = await portIn(program, "udp");
  await using server = await trick(program, port);
  await using there = await Peer.open({ addr: udpAddr(port) });
  await using here = await Peer.open(server);
  let own = 0;
  const echoed = () => (server.stats().datagrams?.echoed ?? 0) - own;
  // What goes round is with one of them or the other, in front of what comes
  // now: if neither has sent it on when both have answered, it is gone.
  for (let before = -1; before !== echoed() || before < 1;) {
    before = echoed();
    // Never the same, or they would be suspected themselves.
    const bytes = new Uint8Array(new Uint32Array([own++]).buffer);
    await there.send(bytes);
    await there.receive();
    await here.send(bytes);
    await here.receive();
  }
  program.signal("SIGTERM");
  await program.ended();
  const [, dropped] = await program.line(/\((\d+) dropped\)/);
  const { datagrams } = server.stats();
  assert(datagrams);
  assert(datagrams.dropped + Number(dropped) >= 1, "nobody has dropped it");
  assert(datagrams.echoed >= 1_000, "nothing has gone round");
});

test("one on a port of the privileged falls silent at once", async (runtime) => {
  // The first port below 1024 that is free.
  const { program, port } = await startPrivileged(runtime);
  await using _ = program;
  await using server = await trick(program, port);
  while (!server.stats().datagrams?.dropped) {
    await new Promise((resolve) => setTimeout(resolve, 0));
  }
  assertEquals(
    server.stats().datagrams,
    { echoed: 0, dropped: 1, bytes: 0 },
  );
});

async function startPrivileged(runtime: Runtime) {
  for (let port = 1023;; port--) {
    const program = Program.start(runtime, `udp://127.0.0.1:${port}`);
    const [line] = await program.line(/.+/);
    if (line.startsWith("Listening")) return { program, port };
    await program[Symbol.asyncDispose]();
    assertMatch(line, /address already in use/);
  }
}

test("each address of the machine answers for itself over UDP", async (runtime) => {
  const allowed = runtime === DENO
    ? { ...DENO, args: [...DENO.args, "--allow-sys=networkInterfaces"] }
    : runtime;
  await using program = Program.start(allowed, "udp://:0");
  const port = await program.port();
  const addresses = Deno.networkInterfaces().map(({ address }) => address)
    .filter((address) => !address.startsWith("fe80:"));
  for (const hostname of addresses) {
    const addr = { transport: "udp", hostname, port } as const;
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    // Connected to its peer, it takes an answer from no other address.
    const socket = await connectUdp(addr, {
      onData: () => resolve(),
      onDrain() {},
      onEnd: reject,
    }, { connects: false, largest: 1024, atOnce: 1, table: undefined });
    socket.write(pattern(3), 0, 3);
    await promise;
    socket.close();
  }
  assertEquals(program.lines.length, 1);
});

test(
  "says from where UDP is answered if it cannot list the addresses",
  async (runtime) => {
    await using program = Program.start(
      runtime,
      "udp://:0",
      "tcp://127.0.0.1:0",
    );
    await program.line(
      /^udp:\/\/\[::\]:\d+ answers from the address that the system chooses: give --allow-sys, or an endpoint for each address$/,
    );
  },
  [DENO],
);

test("serves an abstract Unix socket, and bench loads it", async (runtime) => {
  const endpoint = `unix:@echod-${crypto.randomUUID()}`;
  await using program = Program.start(runtime, "-v", endpoint);
  assertEquals(
    (await program.line(/^Listening on/)).input,
    `Listening on ${endpoint}`,
  );
  const { code, stdout } = await Program.run(
    runtime,
    "bench",
    "-n9",
    "-c1",
    endpoint,
  );
  assertEquals(code, 0, stdout);
  assertMatch(stdout, RegExp(`^${endpoint}: `));
}, Deno.build.os === "linux" ? RUNTIMES : []);
