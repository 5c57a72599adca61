import { createSocket, type Socket } from "node:dgram";
import { createServer, type Socket as TcpSocket } from "node:net";
import config from "../../../deno.json" with { type: "json" };
import {
  assert,
  assertEquals,
  assertMatch,
  assertRejects,
} from "../../helpers/assert.ts";
import {
  certificate,
  certificateWith,
  TemporaryDirectory,
} from "../../helpers/certificates.ts";
import { EXPECTED, FAULTS, FaultyServer } from "../../helpers/faulty.ts";
import {
  type Ended,
  Program,
  testProgram as test,
} from "../../helpers/program.ts";
import { needing, type Runtime } from "../../helpers/runtimes.ts";

/** Runs `bench` to its end. */
function bench(runtime: Runtime, ...args: string[]): Promise<Ended> {
  return Program.run(runtime, "bench", ...args);
}

/** A runtime with more permissions, where it has any. */
function permit({ name, command, args }: Runtime, ...flags: string[]): Runtime {
  return { name, command, args: name === "Deno" ? [...args, ...flags] : args };
}

test("bench says how fast it was, and that nothing was wrong", async (runtime) => {
  await using server = await FaultyServer.start();
  const { code, stdout, stderr } = await bench(
    runtime,
    "-c",
    "3",
    "-s",
    "1..1KiB",
    "--messages=3000",
    "--warmup=50ms",
    `tcp://127.0.0.1:${server.port}`,
  );
  assertEquals([code, stderr], [0, ""]);
  const lines = stdout.split("\n");
  assertMatch(
    lines[0] ?? "",
    /^tcp:\/\/127\.0\.0\.1:\d+: 3 × 1–1,024 B, \d+\.\d s$/,
  );
  assertMatch(
    lines[1] ?? "",
    /^3,000 messages, [\d,.]+ messages\/s, [\d.]+ MB\/s each way$/,
  );
  assertMatch(
    lines[2] ?? "",
    /^[\d,]+ to [\d,]+ messages per connection, fairness [\d.]{6} \(Jain's index\)$/,
  );
  assertMatch(lines[3] ?? "", /^p50 .*s to .*s, p99 .* to .* per connection$/);
  assertEquals(
    lines.find((line) => line.includes("p99.99"))?.trim().split(/ +/),
    ["min", "mean", "p50", "p90", "p99", "p99.9", "p99.99", "max"],
  );
  assertEquals(
    lines.slice(-2),
    ["No errors: every byte came back as it was sent", ""],
  );
});

test("bench --json writes the result as one object", async (runtime) => {
  await using server = await FaultyServer.start();
  const endpoint = `tcp://127.0.0.1:${server.port}`;
  const { code, stdout, stderr } = await bench(
    runtime,
    "--json",
    endpoint,
    "-n",
    "1000",
  );
  assertEquals([code, stderr], [0, ""]);
  assertEquals(stdout.indexOf("\n"), stdout.length - 1);
  const {
    startedAt,
    durationMs,
    messagesPerSecond,
    clientCpu,
    latencyUs,
    percentilesUs,
    connectUs,
    histogram,
    curve,
    series,
    perConnection,
    ...rest
  } = JSON.parse(stdout);
  assert(clientCpu > 0 && clientCpu <= 1);
  assertEquals(rest, {
    endpoint,
    address: "127.0.0.1",
    options: {
      connections: 10,
      sizeBytes: 64,
      durationMs: null,
      messages: 1_000,
      messagesPerSecond: null,
      window: 1,
      churn: false,
      reconnect: false,
      rampMs: 0,
      warmupMs: 0,
      proxyProtocol: null,
      workers: 1,
      timeoutMs: 10_000,
      drainMs: 5_000,
      percentiles: [50, 90, 99, 99.9, 99.99],
    },
    endedEarly: null,
    ratesPerSecond: null,
    unsent: 0,
    notAwaited: 0,
    clientStalledMs: rest.clientStalledMs,
    clientWasLimit: rest.clientWasLimit,
    sendLateUs: null,
    responseUs: null,
    datagrams: null,
    reconnections: null,
    messages: 1_000,
    bytes: 64_000,
    errors: {},
    firstErrors: [],
    version: config.version,
    runtime: rest.runtime,
    exceeded: [],
    args: ["--json", endpoint, "-n", "1000"],
  });
  assertMatch(rest.runtime, RegExp(`^${runtime.name.toLowerCase()} \\d`));
  assert(Math.abs(Date.parse(startedAt) - Date.now()) < 60_000);
  assertEquals(Math.round(messagesPerSecond * durationMs / 1000), 1_000);
  const { min, mean, p50, p75, p90, p95, p99, p99_9, p99_99, max } = latencyUs;
  assertEquals(p99_99, null);
  const rising = [1, min, p50, p75, p90, p95, p99, p99_9, max];
  assertEquals(rising, rising.toSorted((a, b) => a - b));
  assert(min < mean && mean < max);
  assert(max / 1e3 <= durationMs);
  assertEquals(
    percentilesUs.map(({ us }: { us: number }) => us),
    [p50, p90, p99, p99_9, null],
  );
  assert(connectUs.min > 0 && connectUs.p99 === null);
  assertEquals(curve.at(-1), { percent: 100, us: max, messages: 1_000 });
  let inSeries = 0;
  for (const { messages } of series) inSeries += messages;
  assertEquals(inSeries, 1_000);
  let counted = 0;
  for (const { messages } of histogram) counted += messages;
  assertEquals(counted, 1_000);
  const { least, most, jain, messages, p50Us, p99Us } = perConnection;
  assert(least <= 100 && most >= 100 && jain > 0 && jain < 1.000001);
  assertEquals([Math.min(...messages), Math.max(...messages)], [least, most]);
  assertEquals([p50Us.length, p99Us.length], [10, 10]);
});

const WHAT: Record<string, string> = {
  altered: "1 byte came back altered",
  dropped: "10 bytes did not come back, although later ones did",
  reordered: "10 bytes came back after later ones",
  repeated: "20 bytes came back more than once",
  prefixed: "11 bytes came that were not sent, before everything else",
  inserted: "11 bytes came that were not sent",
};

test("bench tells what a faulty server does wrong", async (runtime) => {
  await Promise.all(
    Object.entries(EXPECTED).map(async ([kind, { offset }]) => {
      await using server = await FaultyServer.start(FAULTS[kind]);
      const { code, stdout } = await bench(
        runtime,
        "-c1",
        "-n100",
        `tcp://127.0.0.1:${server.port}`,
      );
      assertEquals(code, 1);
      assertEquals(
        stdout.split("\n").filter((line) => /error/i.test(line)),
        [
          `Error (${kind}): ${
            WHAT[kind]
          }, first on connection 1 at offset ${offset}`,
        ],
      );
    }),
  );
});

test("bench tells of a server that ends the connection early", async (runtime) => {
  await using server = await FaultyServer.start(FAULTS["truncated"]);
  const endpoint = `tcp://127.0.0.1:${server.port}`;
  const { code, stdout } = await bench(runtime, "-c1", endpoint);
  assertEquals(code, 1);
  assertMatch(
    stdout,
    /^Error \(truncated\): 24 bytes had not come back when the server ended the connection, first on connection 1 at offset 1000\n/m,
  );
});

test("bench tells of a connection that is reset", async (runtime) => {
  await using server = await FaultyServer.start(() => (byte, at) => {
    if (at === 1_000) server.reset();
    return [byte];
  });
  const endpoint = `tcp://127.0.0.1:${server.port}`;
  const { code, stdout } = await bench(runtime, "-c1", endpoint);
  assertEquals(code, 1);
  assertMatch(
    stdout,
    /^Error \(failed\): 1 connection failed, first on connection 1 at offset 1024: connection reset by the server\n/m,
  );
});

const WAYS: Record<string, number> = {
  "-n 100 --window 4": 100,
  "-n 100 --rate 1000": 100,
  "-n 100 --churn": 100,
  "-n 100 --churn --rate 1000": 100,
  "-n 100 --ramp 50ms --reconnect": 100,
  "-n 100 --workers 2": 100,
  "-n 6 --size 8MiB": 6,
};

test("bench sends in every way it is asked to", async (runtime) => {
  await using server = await FaultyServer.start();
  await Promise.all(
    Object.entries(WAYS).map(async ([way, count]) => {
      const { code, stdout, stderr } = await bench(
        permit(runtime, "--allow-read"),
        ...way.split(" "),
        ..."-c 5 --json".split(" "),
        `tcp://127.0.0.1:${server.port}`,
      );
      assertEquals([code, stderr], [0, ""], way);
      const { messages, durationMs } = JSON.parse(stdout);
      assertEquals(messages, count, way);
      if (way.includes("rate")) assert(durationMs >= 99);
    }),
  );
});

test("bench loads Unix sockets, TLS and UDP", async (runtime) => {
  using directory = new TemporaryDirectory();
  const path = directory.file("echo.sock");
  const ca = directory.file("ca.pem");
  const tls = certificate();
  await Deno.writeTextFile(ca, tls.cert);
  await using unixServer = await FaultyServer.start(undefined, { path });
  await using tlsServer = await FaultyServer.start(undefined, { tls });
  const udpServer = createSocket("udp4");
  udpServer.on("message", (bytes, { port, address }) => {
    udpServer.send(bytes, port, address);
  });
  await new Promise<void>((resolve) =>
    udpServer.bind({ address: "127.0.0.1", port: 0 }, resolve)
  );

  const tlsEndpoint = `tls://localhost:${tlsServer.port}`;
  const run = async (...args: string[]) => {
    const { code, stdout, stderr } = await bench(
      permit(runtime, "--allow-read", "--allow-write"),
      ..."-c 2 -s 1..16KiB -n 200 --json".split(" "),
      ...args,
    );
    assertEquals([code, stderr], [0, ""]);
    const { messages, insecure } = JSON.parse(stdout);
    assertEquals(messages, 200);
    assertEquals(insecure, args.includes("-k") ? true : undefined);
  };
  await Promise.all([
    run(`unix://${path}`),
    run(tlsEndpoint, "--tls-ca", ca),
    run(`tls://127.0.0.1:${tlsServer.port}`, "-k"),
    run(`udp://localhost:${udpServer.address().port}`, "--timeout=5s"),
  ]);
  await new Promise<void>((resolve) => udpServer.close(resolve));
  assert(unixServer);

  const untrusted = await bench(runtime, tlsEndpoint);
  assertEquals(untrusted.code, 1);
  assertMatch(
    untrusted.stderr,
    /^Cannot connect to tls:\/\/localhost:\d+: TLS failed: no trusted authority has issued the certificate\n$/,
  );
}, needing(["openssl"]));

/** A UDP server that loses every 50th datagram, and repeats and reorders as many. */
async function startLossy(): Promise<Socket> {
  const server = createSocket("udp4");
  let count = 0;
  let held: (() => void) | undefined;
  let sent = Promise.resolve();
  server.on("message", (bytes, { port, address }) => {
    // One after another: on Deno, what is sent together leaves in another order.
    const echo = () => {
      sent = sent.then(() =>
        new Promise((resolve) =>
          server.send(bytes, port, address, () => resolve())
        )
      );
    };
    const number = ++count % 50;
    if (number === 10) return;
    if (number === 20) {
      held = echo;
      return;
    }
    echo();
    if (number === 21) held?.();
    if (number === 30) echo();
  });
  await new Promise<void>((resolve) =>
    server.bind({ address: "127.0.0.1", port: 0 }, resolve)
  );
  return server;
}

test("bench tells of a network that loses, repeats and reorders datagrams", async (runtime) => {
  const run = async (...args: string[]) => {
    const server = await startLossy();
    const { code, stdout } = await bench(
      runtime,
      ...`-c 1 -n 200 --json -r 1000 --timeout 3s`.split(" "),
      `udp://127.0.0.1:${server.address().port}`,
      ...args,
    );
    await new Promise<void>((resolve) => server.close(resolve));
    const { datagrams, errors, messages, exceeded } = JSON.parse(stdout);
    const { jitterUs, ...counts } = datagrams;
    assertEquals([errors, messages], [{}, 196]);
    assertEquals(counts, {
      sent: 200,
      received: 196,
      lost: 4,
      lostPercent: 2,
      unread: 0,
      duplicated: 4,
      reordered: 4,
    });
    assert(jitterUs > 0);
    return [code, exceeded];
  };
  const [refused, accepted] = await Promise.all([
    run(),
    run("--max-loss", "2"),
  ]);
  assertEquals(refused, [
    1,
    ["2.00 % of the datagrams were lost: --max-loss accepts 0 %"],
  ]);
  assertEquals(accepted, [0, []]);
});

test("bench ends with 1 beyond --max-p99 or below --min-rate", async (runtime) => {
  // A constant delay of 20 ms.
  const server = createServer((socket) => {
    socket.on("error", () => {});
    socket.on("data", (bytes) => setTimeout(() => socket.write(bytes), 20));
  });
  await new Promise<void>((resolve) =>
    server.listen(0, "127.0.0.1", () => resolve())
  );
  const addr = server.address();
  assert(addr && typeof addr === "object");
  const endpoint = `tcp://127.0.0.1:${addr.port}`;
  const args = ["-c", "10", "-n", "100", endpoint];
  const [good, slow, few] = await Promise.all([
    bench(runtime, ...args, "--max-p99", "10s", "--min-rate", "1"),
    bench(runtime, ...args, "--max-p99", "19ms"),
    bench(runtime, ...args, "--min-rate", "501"),
  ]);
  server.close();
  assertEquals(good.code, 0, good.stdout);
  assertEquals([slow.code, few.code], [1, 1]);
  assertMatch(
    slow.stdout,
    /\nLimit exceeded: The p99 is [\d.]+ ms: --max-p99 accepts 19\.0 ms\n$/,
  );
  assertMatch(
    few.stdout,
    /\nLimit exceeded: [\d.]+ messages\/s came back: --min-rate accepts 501 or more\n$/,
  );
});

test("bench writes its files, and compares results", async (runtime) => {
  await using server = await FaultyServer.start();
  using directory = new TemporaryDirectory();
  const endpoint = `tcp://127.0.0.1:${server.port}`;
  const allowed = permit(runtime, "--allow-read", "--allow-write");
  const run = async (...args: string[]) => {
    const { code, stdout, stderr } = await bench(allowed, ...args);
    assertEquals([code, stderr], [0, ""], args.join(" "));
    return stdout;
  };
  const [a, b, hgrm, csv, html] = ["a.json", "b.json", "hgrm", "csv", "html"]
    .map((name) => directory.file(name));
  assert(a && b && hgrm && csv && html);
  const files = ["--hgrm", hgrm, "--csv", csv, "--html", html];
  const load = ["--json", "-n", "200", endpoint];
  await Deno.writeTextFile(a, await run(...load, ...files));
  await Deno.writeTextFile(b, await run(...load, "--runs", "2"));
  assertMatch(
    await Deno.readTextFile(hgrm),
    /^ +Value +Percentile TotalCount 1\/\(1-Percentile\)\n\n.* 1\.000000000000 +200\n#\[Mean /s,
  );
  assertMatch(
    await Deno.readTextFile(csv),
    /^atMs,messages,.*\n\d+,200,12800,/,
  );
  const report = await Deno.readTextFile(html);
  assert(report.includes(`<h1>${endpoint}</h1>`));
  assert(report.includes(`echod bench --json -n 200 ${endpoint} --hgrm `));

  const compared = await run("compare", a, b, "--html", html);
  assertMatch(
    compared,
    /^A {2}.*a\.json: tcp:.*, 1 run, .*\nB {2}.*, 2 runs, /,
  );
  assertMatch(compared, /\nNo verdict: that needs 4 runs of each/);
  // What --find-rate writes has the result of the highest rate.
  const result = JSON.parse(await Deno.readTextFile(a));
  await Deno.writeTextFile(b, JSON.stringify({ steps: [], result }));
  assertMatch(await run("compare", a, b), /^A {2}.*\nB {2}.*, 1 run, /);

  const comparison = await Deno.readTextFile(html);
  assert(comparison.includes("<h1>Comparison of 2 results</h1>"));
});

test("bench says before it runs that it cannot write, and what it cannot compare", async (runtime) => {
  using directory = new TemporaryDirectory();
  const allowed = permit(runtime, "--allow-read", "--allow-write");
  const [missing, bad] = [directory.file("no/file"), directory.file("bad")];
  await Deno.writeTextFile(bad, `{"messages": 5}`);
  const run = async (...args: string[]) => {
    const { code, stdout, stderr } = await bench(allowed, ...args);
    assertEquals(stdout, "");
    return [code, stderr];
  };
  // Nobody listens there.
  const endpoint = "tcp://127.0.0.1:9";
  assertEquals(await run("--html", missing, endpoint), [
    1,
    `Cannot write --html ${missing}: no such file or directory\n`,
  ]);
  // Nor is a file left behind where a run fails.
  const html = directory.file("html");
  const [code] = await run("--html", html, endpoint);
  assertEquals(code, 1);
  await assertRejects(() => Deno.stat(html), Deno.errors.NotFound);
  assertEquals(await run("compare", missing, bad), [
    1,
    `Cannot read ${missing}: no such file or directory\n`,
  ]);
  assertEquals(await run("compare", bad, bad), [
    1,
    `Cannot compare ${bad}: it has no result of this version's bench --json\n`,
  ]);
  assertEquals(await run("compare", bad), [
    2,
    "Too few files are given: compare needs two at least, of bench --json\n",
  ]);
  assertEquals(await run("compare", "--json", bad, bad), [
    2,
    `Unknown option "--json" of compare: see --help\n`,
  ]);
});

test("bench repeats itself, finds a rate, and tells how it goes", async (runtime) => {
  await using server = await FaultyServer.start();
  const endpoint = `tcp://127.0.0.1:${server.port}`;
  const [runs, found, told] = await Promise.all([
    bench(runtime, ..."-n 100 --runs 3".split(" "), endpoint),
    bench(
      runtime,
      ..."-d 1s --warmup 0s -r 120 --find-rate --max-p99 0.001ms".split(" "),
      endpoint,
    ),
    bench(runtime, ..."-d 1600ms --warmup 0s --progress".split(" "), endpoint),
  ]);
  assertEquals([runs.code, runs.stderr], [0, ""]);
  assertMatch(
    runs.stdout,
    /^Run 1 of 3\ntcp:.*\n\nRun 2 of 3\n.*\nRun 3 of 3\n/s,
  );
  assertMatch(
    runs.stdout,
    /\n3 runs +least +median +most\nmessages\/s .*\nmax .*\n$/s,
  );
  // No server answers within 1 µs.
  assertEquals([found.code, found.stderr], [1, ""]);
  assertMatch(
    found.stdout,
    /^( +120\/s {2}p99 .* The p99 is .*\n){2}No rate was found that keeps the limits\n$/,
  );
  assertEquals(told.code, 0);
  assertMatch(told.stderr, /^ +1 s +[\d,.]+\/s .* p50 .* p99 .* 0 errors\n$/);
});

test("bench tells what it knows of several runs if a later one fails", async (runtime) => {
  for (
    const [options, name] of [
      ["-n 100 --runs 3", "runs"],
      ["-d 300ms -r 600 --find-rate --max-p99 1m --warmup 0s", "steps"],
    ] as const
  ) {
    // It listens for one connection only.
    const server = createServer((socket) => {
      server.close();
      socket.on("error", () => {});
      socket.pipe(socket);
    });
    await new Promise<void>((resolve) =>
      server.listen({ host: "127.0.0.1", port: 0 }, resolve)
    );
    const address = server.address();
    assert(address !== null && typeof address === "object");
    const { code, stdout, stderr } = await bench(
      runtime,
      ...`-c 1 ${options} --json`.split(" "),
      `tcp://127.0.0.1:${address.port}`,
    );
    assertEquals(code, 1);
    assertMatch(stderr, /^Cannot connect to .*: connection refused\n$/);
    assertEquals(JSON.parse(stdout)[name].length, 1);
  }
});

test("bench runs no more after a signal in the wait for the last echoes", async (runtime) => {
  for (
    const [options, name] of [
      ["-d 1ms --runs 3", "runs"],
      ["-d 1ms -r 200000 --find-rate --max-p99 1m", "steps"],
    ] as const
  ) {
    const { promise: reached, resolve } = Promise.withResolvers<void>();
    let connections = 0;
    const server = createServer((socket) => {
      socket.on("error", () => {});
      // The first run waits in vain.
      if (connections++ === 0) socket.once("data", () => resolve());
      else socket.pipe(socket);
    });
    await new Promise<void>((resolve) =>
      server.listen(0, "127.0.0.1", () => resolve())
    );
    const addr = server.address();
    assert(addr && typeof addr === "object");
    await using program = Program.start(
      runtime,
      ...`bench --json --drain 1s --warmup 0s -c 1 ${options}`.split(" "),
      `tcp://127.0.0.1:${addr.port}`,
    );
    await reached;
    program.signal("SIGINT");
    const { code, stdout } = await program.ended();
    server.close();
    assertEquals(code, 1);
    assert(JSON.parse(stdout)[name].length <= 1);
    assertEquals(connections, 1);
  }
});

test("bench --reconnect survives a server that is restarted, and measures the gap", async (runtime) => {
  // An address of its own, so that no other client takes the port meanwhile.
  const hostname = "127.0.0.77";
  let server = await FaultyServer.start(undefined, { hostname });
  const { port } = server;
  const endpoint = `tcp://${hostname}:${port}`;
  const args = "bench --json --warmup 0s -d 1h -c 3 --reconnect".split(" ");
  await using program = Program.start(runtime, ...args, endpoint);
  await server.reached;
  server.reset();
  await server[Symbol.asyncDispose]();
  server = await FaultyServer.start(undefined, { hostname, port });
  await server.reached;
  program.signal("SIGINT");
  const { code, stdout } = await program.ended();
  await server[Symbol.asyncDispose]();
  const { reconnections, errors, endedEarly } = JSON.parse(stdout);
  const { cut, notBack, gapUs } = reconnections;
  assertEquals([endedEarly, cut], ["interrupted", 3]);
  // Whoever has not yet come back when it is interrupted is told of.
  assertEquals(code, Object.keys(errors).length === 0 ? 0 : 1);
  assert(notBack < 3 && gapUs.max > 0);
});

test("bench says what is wrong with --tls-ca", async (runtime) => {
  using directory = new TemporaryDirectory();
  const file = directory.file("ca.pem");
  const allowed = permit(runtime, "--allow-read");
  const run = async () => {
    const args = ["--tls-ca", file, "tls://localhost:1"];
    const { code, stdout, stderr } = await bench(allowed, ...args);
    assertEquals([code, stdout], [1, ""]);
    return stderr;
  };
  const begin = `Cannot use --tls-ca ${file}: `;
  assertEquals(await run(), `${begin}no such file or directory\n`);
  await Deno.writeTextFile(file, "");
  assertEquals(await run(), `${begin}${file} is empty\n`);
  for (const text of ["not PEM", certificate().key]) {
    await Deno.writeTextFile(file, text);
    assertEquals(await run(), `${begin}${file} holds no certificate in PEM\n`);
  }
  await Deno.writeTextFile(file, `\ufeff${certificate().cert}`);
  assertMatch(await run(), /^Cannot connect to tls:\/\/localhost:1: /);
});

test("bench takes a certificate that is its own authority", async (runtime) => {
  using directory = new TemporaryDirectory();
  const file = directory.file("ca.pem");
  // What `openssl req -x509` makes by itself.
  const tls = certificateWith("-newkey", "rsa:2048");
  await Deno.writeTextFile(file, tls.cert);
  await using server = await FaultyServer.start(undefined, { tls });
  const url = `tls://localhost:${server.port}`;
  const trust = (file: string) =>
    bench(
      permit(runtime, "--allow-read"),
      ...["-n", "9", "-c", "3", "--tls-ca", file, url],
    );
  const trusted = await trust(file);
  assertEquals([trusted.code, trusted.stderr], [0, ""]);

  const other = directory.file("other.pem");
  await Deno.writeTextFile(other, certificateWith("-newkey", "rsa:2048").cert);
  const { code, stderr } = await trust(other);
  assertEquals(code, 1);
  assertMatch(
    stderr,
    /: TLS failed: no trusted authority has issued the certificate$/m,
  );

  const insecure = await bench(runtime, "-n", "1", "-k", url);
  assertEquals([insecure.code, insecure.stderr], [0, ""]);
  assertMatch(insecure.stdout, /^The server's certificate was not checked$/m);
});

for (const signal of ["SIGINT", "SIGTERM"] as const) {
  test(`bench ends at ${signal}, with the result so far`, async (runtime) => {
    await using server = await FaultyServer.start();
    const endpoint = `tcp://127.0.0.1:${server.port}`;
    const args = "bench --json --warmup 0s -d 1h".split(" ");
    await using program = Program.start(runtime, ...args, endpoint);
    await server.reached;
    program.signal(signal);
    const { code, stdout } = await program.ended();
    assertEquals(code, 0);
    assert(JSON.parse(stdout).messages > 0);
  });
}

test("bench says what it cannot connect to", async (runtime) => {
  const server = await FaultyServer.start();
  const endpoint = `tcp://127.0.0.1:${server.port}`;
  await server[Symbol.asyncDispose]();
  assertEquals(await bench(runtime, endpoint), {
    code: 1,
    stdout: "",
    stderr: `Cannot connect to ${endpoint}: connection refused\n`,
  });
  const unknown = await bench(runtime, "tcp://no.such.host.invalid:7");
  assertEquals(unknown.code, 1);
  assertMatch(
    unknown.stderr,
    /^Cannot connect to tcp:\/\/no\.such\.host\.invalid:7: [^\n]+\n$/,
  );
});

test("bench: wrong usage is one line and 2, help is 0", async (runtime) => {
  assertEquals(await bench(runtime, "--size", "big", "tcp://127.0.0.1:7"), {
    code: 2,
    stdout: "",
    stderr:
      `Invalid value "big" for --size: expected a number of bytes, such as 64, 4KiB, 1MiB or 2GiB, or two of them, such as 1..64KiB (1GiB at most)\n`,
  });
  const help = await bench(runtime, "--help");
  assertEquals([help.code, help.stderr], [0, ""]);
  assertMatch(help.stdout, /^Usage: echod bench .*--churn/s);
});

/** Runs `bench` on a terminal, where `answer` is typed. */
async function benchOnTerminal(
  { command, args }: Runtime,
  answer: string,
  ...own: string[]
): Promise<{ code: number; lines: string[] }> {
  const line = [command, ...args, "mod.ts", "bench", ...own].join(" ");
  const typed = `echo "${answer}" | script -qec "$0" /dev/null`;
  await using program = new Program("bash", ["-c", typed, line]);
  const { code, stdout } = await program.ended();
  return { code, lines: stdout.split(/[\r\n]+/) };
}

test("bench shows on a terminal how it goes", async (runtime) => {
  await using server = await FaultyServer.start();
  const { code, lines } = await benchOnTerminal(
    runtime,
    "",
    "--warmup=0s",
    "--duration=1200ms",
    `tcp://127.0.0.1:${server.port}`,
  );
  assertEquals(code, 0);
  assertMatch(
    lines.find((line) => line.includes("p99 ")) ?? "",
    /[█░]{10} +1 s +[▁-█] +[\d,]+\/s +[\d.]+ MB\/s +p50 .*s +p99 .*s +0 errors$/,
  );
  assert(lines.some((line) => line.startsWith("No errors")));
}, needing(["bash", "script"]));

test("bench asks before it loads another machine heavily", async (runtime) => {
  const heavy = ["-c", "1001", "tcp://192.0.2.1:7"];
  const asked =
    "This can load tcp://192.0.2.1:7 with more than 1,000 connections or 100 MB/s";
  assertEquals(await bench(runtime, ...heavy), {
    code: 2,
    stdout: "",
    stderr: `${asked}: give --yes if it may\n`,
  });
  const { code, lines } = await benchOnTerminal(runtime, "n", ...heavy);
  assertEquals(code, 1);
  assert(lines.some((line) => line.includes(`${asked}. Go on? [y/N]`)));
  assert(lines.some((line) => line.endsWith("Not started")));
}, needing(["bash", "script"]));

test(
  "bench takes Ctrl+C and Ctrl+D at its question for no",
  async ({ command, args }) => {
    // It types the key when the question is there.
    const script = `
    coproc terminal { script -qec "$0" /dev/null; }
    pid=$terminal_PID
    while IFS= read -rn1 -u \${terminal[0]} char; do
      printf '%s' "$char"
      line+=$char
      case $line in *'[y/N] ') printf "$1" >&\${terminal[1]}; line=; esac
    done
    wait $pid`;
    for (const key of ["\\003", "\\004"]) {
      const line = [
        command,
        ...args,
        ..."mod.ts bench -c 1001 tcp://192.0.2.1:7".split(" "),
      ];
      await using program = new Program("bash", [
        "-c",
        script,
        line.join(" "),
        key,
      ]);
      const { code, stdout } = await program.ended();
      assertEquals(code, 1);
      assertMatch(stdout, /Not started\s*$/);
    }
  },
  needing(["bash", "script"]),
);

test("bench ends where a server accepts and never answers", async (runtime) => {
  const server = createServer((socket) => {
    socket.on("error", () => {});
    socket.resume();
  });
  await new Promise<void>((resolve) =>
    server.listen(0, "127.0.0.1", () => resolve())
  );
  const addr = server.address();
  assert(addr && typeof addr === "object");
  const [silent, handshake] = await Promise.all([
    bench(runtime, ..."-n 3 -c 2".split(" "), `tcp://localhost:${addr.port}`),
    bench(runtime, "--timeout=1s", `tls://127.0.0.1:${addr.port}`),
  ]);
  server.close();
  assertEquals(silent.code, 1);
  const lines = silent.stdout.split("\n");
  assert(lines[0]?.startsWith(`tcp://localhost:${addr.port} (127.0.0.1): `));
  assertEquals(lines.slice(4), [
    "Ended early after 0 of 3 messages: nothing came back for 5 s",
    "Error (late): 128 bytes had not come back in time, first on connection 1 at offset 0",
    "",
  ]);
  assertEquals(handshake, {
    code: 1,
    stdout: "",
    stderr:
      `Cannot connect to tls://127.0.0.1:${addr.port}: no answer to the TLS handshake within 1 s\n`,
  });
});

test("bench gives up where packets vanish", async (runtime) => {
  // Linux drops further SYNs when the queue is full.
  using full = Deno.listen({ hostname: "127.0.0.1", port: 0, tcpBacklog: 0 });
  const { port } = full.addr;
  using _waiting = await Deno.connect({ hostname: "127.0.0.1", port });
  await Promise.all(["tcp", "tls"].map(async (scheme) => {
    const endpoint = `${scheme}://127.0.0.1:${port}`;
    assertEquals(await bench(runtime, "--timeout=500ms", endpoint), {
      code: 1,
      stdout: "",
      stderr: `Cannot connect to ${endpoint}: no answer within 0.5 s\n`,
    });
  }));
}, Deno.build.os === "linux" ? undefined : []);

test("bench ends its wait at the second SIGINT, with the result", async (runtime) => {
  const { promise: reached, resolve } = Promise.withResolvers<void>();
  const server = createServer((socket) => {
    socket.on("error", () => {});
    socket.once("data", () => resolve());
  });
  await new Promise<void>((resolve) =>
    server.listen(0, "127.0.0.1", () => resolve())
  );
  const addr = server.address();
  assert(addr && typeof addr === "object");
  const args = "bench --json --drain 1h --warmup 0s -d 1h -c 1 -r 1".split(" ");
  const endpoint = `tcp://127.0.0.1:${addr.port}`;
  await using program = Program.start(runtime, ...args, endpoint);
  await reached;
  program.signal("SIGINT");
  // The first has to be there before the second, or they become one.
  await new Promise((resolve) => setTimeout(resolve, 300));
  program.signal("SIGINT");
  const { code, stdout } = await program.ended();
  server.close();
  const { endedEarly, errors, notAwaited } = JSON.parse(stdout);
  assertEquals([code, endedEarly], [0, "interrupted"]);
  assertEquals([errors, notAwaited], [{}, 1]);
});

test("bench calls a reset in the middle of a load a reset, and ends early", async (runtime) => {
  const server = createServer((socket) => {
    socket.on("error", () => {});
    let count = 0;
    socket.on("data", (bytes) => {
      if (++count === 50) socket.resetAndDestroy();
      else socket.write(bytes);
    });
  });
  await new Promise<void>((resolve) =>
    server.listen(0, "127.0.0.1", () => resolve())
  );
  const addr = server.address();
  assert(addr && typeof addr === "object");
  const endpoint = `tcp://127.0.0.1:${addr.port}`;
  const args = "--json -c 2 -d 1h --warmup 0s".split(" ");
  const { code, stdout } = await bench(runtime, ...args, endpoint);
  server.close();
  const { endedEarly, errors, firstErrors } = JSON.parse(stdout);
  assertEquals([code, endedEarly], [1, "no connection left"]);
  assertEquals(errors, { failed: 2 });
  assertEquals(firstErrors[0].reason, "connection reset by the server");
});

test("bench tells a reset at any time from an end", async (runtime) => {
  for (const isReset of [true, false]) {
    const sockets = new Set<TcpSocket>();
    const server = createServer((socket) => {
      socket.on("error", () => {});
      socket.on("data", (bytes) => {
        // Only then does its client know that it is connected.
        sockets.add(socket);
        if (!socket.writableEnded) socket.write(bytes);
      });
    });
    await new Promise<void>((resolve) =>
      server.listen(0, "127.0.0.1", () => resolve())
    );
    const addr = server.address();
    assert(addr && typeof addr === "object");
    // Not where an echo is sent, but at any place between.
    const timer = setInterval(() => {
      if (sockets.size < 20) return;
      for (const socket of sockets) {
        if (isReset) socket.resetAndDestroy();
        else socket.end();
      }
      clearInterval(timer);
    }, 50);
    const { stdout } = await bench(
      runtime,
      ..."--json -c 20 -r 20000 -d 1h --warmup 0s".split(" "),
      `tcp://127.0.0.1:${addr.port}`,
    );
    clearInterval(timer);
    server.close();
    const { endedEarly, firstErrors } = JSON.parse(stdout);
    assertEquals(endedEarly, "no connection left");
    const [{ kind, reason }] = firstErrors;
    if (isReset) assertEquals(reason, "connection reset by the server");
    else assert(kind === "truncated" || reason === "ended by the server");
  }
});
