import { adminOf, askRaw, readMetrics } from "../../helpers/admin.ts";
import { assert, assertEquals, assertMatch } from "../../helpers/assert.ts";
import { Client, pattern } from "../../helpers/client.ts";
import { Peer } from "../../helpers/peer.ts";
import { Program, testProgram } from "../../helpers/program.ts";
import { needing, type Runtime, RUNTIMES } from "../../helpers/runtimes.ts";
import { socketsOf } from "../../helpers/sockets.ts";

const test = testProgram;

/** A runtime that may start workers: Deno has to be allowed to read their module. */
function reading({ args, ...runtime }: Runtime): Runtime {
  const isDeno = runtime.name === "Deno";
  return { ...runtime, args: isDeno ? [...args, "--allow-read"] : args };
}

/** Echoes bytes over a connection, from its beginning to its end. */
async function echoOnce(port: number, bytes: Uint8Array): Promise<void> {
  await using client = await Client.connect(port);
  assertEquals(await client.echo(bytes), bytes);
  client.end();
  assertEquals(await client.receive(), null);
}

/** Waits until a figure is as expected; a client may know of its end first. */
async function until(ask: () => Promise<boolean>): Promise<void> {
  while (!await ask());
}

/** What `promtool check metrics` says to the metrics. */
async function checkMetrics(url: string): Promise<string> {
  const { body } = await fetch(`${url}/metrics`);
  const child = new Deno.Command("promtool", {
    args: ["check", "metrics"],
    stdin: "piped",
    stdout: "piped",
    stderr: "piped",
  }).spawn();
  await body?.pipeTo(child.stdin);
  const { code, stdout, stderr } = await child.output();
  const text = new TextDecoder();
  return `${code}${text.decode(stdout)}${text.decode(stderr)}`;
}

test(
  "the metrics say N and B after N clients with B bytes, and promtool likes them",
  async (runtime) => {
    const endpoints = ["tcp://127.0.0.1:0", "udp://127.0.0.1:0"];
    await using program = Program.start(
      runtime,
      "--admin=:0",
      "-c50",
      ...endpoints,
    );
    const url = await adminOf(program);
    const [tcp = 0, udp = 0] = program.lines.slice(0, 2)
      .map((line) => Number(/:(\d+)$/.exec(line)?.[1]));
    let bytes = 0;
    for (let i = 0; i < 20; i++) {
      bytes += 1_000 * i;
      await echoOnce(tcp, pattern(1_000 * i));
    }
    await using open = await Client.connect(tcp);
    await open.echo(pattern(7));
    const addr = { transport: "udp", hostname: "", port: udp } as const;
    await using peer = await Peer.open({ addr });
    await peer.send(pattern(100));
    await peer.receive();

    const endpoint = `{endpoint="tcp://127.0.0.1:${tcp}"}`;
    const datagrams = `{endpoint="udp://127.0.0.1:${udp}"}`;
    const closed = 'echod_connections_closed_total{reason="eof"}';
    await until(async () => (await readMetrics(url)).get(closed) === 20);
    const metrics = await readMetrics(url);
    const of = (name: string) => metrics.get(name);
    assertEquals(of(`echod_connections_accepted_total${endpoint}`), 21);
    assertEquals(of(`echod_connections_active${endpoint}`), 1);
    assertEquals(of("echod_connections_limit"), 50);
    assertEquals(of(`echod_echoed_bytes_total${endpoint}`), bytes + 7);
    assertEquals(of(`echod_echoed_bytes_total${datagrams}`), 100);
    assertEquals(of('echod_datagrams_total{outcome="echoed"}'), 1);
    assertEquals(of("echod_connection_duration_seconds_count"), 20);
    assertEquals(
      of('echod_connection_duration_seconds_bucket{le="+Inf"}'),
      20,
    );
    assertEquals(of("echod_log_lines_lost_total"), 0);
    assert((of("process_cpu_seconds_total") ?? 0) > 0);
    assert((of("process_resident_memory_bytes") ?? 0) > 1e7);
    const age = Date.now() / 1000 - (of("process_start_time_seconds") ?? 0);
    assert(age > 0 && age < 60, `started ${age} s ago`);
    // What Deno would ask a permission for is left out.
    assertEquals(metrics.has("process_open_fds"), runtime.name !== "Deno");
    const text = [...metrics.keys()].join("\n");
    assert(!text.includes("127.0.0.1:0") && !/remote|client|peer/.test(text));
    assertEquals(await checkMetrics(url), "0");
  },
  needing(["promtool"]),
);

test("OpenMetrics is told to those who ask for it", async (runtime) => {
  await using program = Program.start(runtime, "--admin", ":0", "-p0");
  const url = await adminOf(program);
  const accept = "application/openmetrics-text;version=1.0.0;q=0.6,*/*;q=0.1";
  const answer = await fetch(`${url}/metrics`, { headers: { accept } });
  assertEquals(
    answer.headers.get("content-type"),
    "application/openmetrics-text; version=1.0.0; charset=utf-8",
  );
  const text = await answer.text();
  assertMatch(text, /^# TYPE echod_echoed_bytes counter$/m);
  assertMatch(text, /^# UNIT echod_echoed_bytes bytes$/m);
  assertMatch(text, /_bucket\{le="1\.0"\} 0$/m);
  assertMatch(text, /\n# EOF\n$/);
});

test("readiness ends with the signal, and newcomers are served for the delay", async (runtime) => {
  for (const workers of ["1", "2"]) {
    await using program = Program.start(
      reading(runtime),
      "--admin=:0",
      "-p0",
      "--shutdown-delay=1h",
      `--workers=${workers}`,
    );
    const url = await adminOf(program);
    program.signal("SIGTERM");
    await program.line(
      /^Accepting for 1 h 0 min more, then draining \(10 s at/,
    );
    const answer = await fetch(`${url}/readyz`);
    assertEquals(
      [answer.status, await answer.text()],
      [503, "The server is being shut down\n"],
    );
    await echoOnce(await program.port(), pattern(9));
    program.signal("SIGTERM");
    assertEquals((await program.ended()).code, 0);
    assertMatch(program.lines.at(-1) ?? "", /^Server terminated: 1 conn/);
  }
});

test("a shutdown drains when its delay is over", async (runtime) => {
  await using program = Program.start(
    runtime,
    "-p0",
    "--shutdown-delay=50ms",
    "--grace=1h",
  );
  await using client = await Client.connect(await program.port());
  await client.echo(pattern(1));
  program.signal("SIGTERM");
  await program.line(/^Accepting for 50 ms more/);
  await until(async () => {
    const sockets = await socketsOf(program.pid);
    return sockets.every(({ state }) => state !== "listening");
  });
  assertEquals(await client.echo(pattern(9)), pattern(9));
  client.end();
  assertEquals((await program.ended()).code, 0);
});

test("readiness ends with the beginning of the drain, and health does not", async (runtime) => {
  await using program = Program.start(runtime, "--admin", ":0", "-p0");
  const url = await adminOf(program);
  await using client = await Client.connect(await program.port());
  await client.echo(pattern(1));
  const ask = async (path: string) => {
    const answer = await fetch(`${url}${path}`);
    await answer.text();
    return answer.status;
  };
  assertEquals([await ask("/healthz"), await ask("/readyz")], [200, 200]);
  program.signal("SIGTERM");
  await program.line(/^Draining 1 connection/);
  assertEquals([await ask("/healthz"), await ask("/readyz")], [200, 503]);
  assertEquals(await ask("/metrics"), 200);
  client.end();
  assertEquals((await program.ended()).code, 0);
});

test("readiness ends when no descriptor is left", async (runtime) => {
  const own = [runtime.command, ...runtime.args, "mod.ts", "--admin=:0", "-p0"];
  await using program = new Program("sh", [
    "-c",
    'ulimit -n 120; exec "$@"',
    "sh",
    ...own,
  ]);
  const url = await adminOf(program);
  const port = await program.port();
  await using admin = await Client.connect(Number(new URL(url).port));
  const ask = async () => {
    await admin.send("GET /readyz HTTP/1.1\r\nHost: localhost\r\n\r\n");
    const text = new TextDecoder().decode(await admin.receive() ?? undefined);
    return /^HTTP\/1\.1 (\d+)/.exec(text)?.[1];
  };
  assertEquals(await ask(), "200");
  const clients: Client[] = [];
  while (clients.length < 200 && await ask() === "200") {
    for (let i = 0; i < 10; i++) clients.push(await Client.connect(port));
  }
  assertEquals(await ask(), "503");
  for (const client of clients) await client[Symbol.asyncDispose]();
  await until(async () => await ask() === "200");
  // A new client is heard again.
  assertEquals(await (await fetch(`${url}/healthz`)).text(), "ok\n");
});

test("only requests by its own names are answered", async (runtime) => {
  await using program = Program.start(
    runtime,
    "--admin=:0",
    "--admin-host=metrics.example",
    "-p0",
  );
  const url = await adminOf(program);
  const ask = async (line: string, host: string) => {
    const request = `${line}\r\nHost: ${host}\r\n\r\n`;
    return (await askRaw(url, request)).status;
  };
  assertEquals(await ask("GET /stats HTTP/1.1", "localhost"), 200);
  assertEquals(await ask("GET /stats HTTP/1.1", "metrics.example:80"), 200);
  assertEquals(await ask("GET /stats HTTP/1.1", "evil.example"), 403);
  assertEquals((await askRaw(url, "GET /stats HTTP/1.0\r\n\r\n")).status, 403);
  assertEquals(await ask("GET /nothing HTTP/1.1", "localhost"), 404);
  assertEquals(await ask("POST /stats HTTP/1.1", "localhost"), 405);
  assertEquals(await ask("DELETE /metrics HTTP/1.1", "localhost"), 405);
  assertEquals(await ask("GET /stats?limit=x HTTP/1.1", "localhost"), 400);
  const long = "x".repeat(9_000);
  assertEquals(await ask(`GET /${long} HTTP/1.1`, "localhost"), 431);
});

test("workers report as one", async (runtime) => {
  await using program = Program.start(
    reading(runtime),
    "--admin=:0",
    "--workers=2",
    "-p0",
  );
  const url = await adminOf(program);
  const port = await program.port();
  await Promise.all(
    Array.from({ length: 20 }, (_, i) => echoOnce(port, pattern(100 * i))),
  );
  const clients = await Promise.all(
    Array.from({ length: 10 }, () => Client.connect(port)),
  );
  for (const client of clients) await client.echo(pattern(5));
  const ask = async () => await (await fetch(`${url}/stats?limit=8`)).json();
  await until(async () => (await ask()).closedBy.eof === 20);
  const { accepted, active, bytes, connections, endpoints } = await ask();
  assertEquals([accepted, active, bytes], [30, 10, 19_050]);
  const endpoint = `tcp://127.0.0.1:${port}`;
  assertEquals(endpoints, [{ endpoint, accepted, active, bytes }]);
  assertEquals(connections.length, 8);
  const ids = new Set<number>();
  for (const connection of connections) {
    const { id, remote, endpoint, ageMs, bytes, idleMs } = connection;
    ids.add(id);
    assertMatch(remote, /^127\.0\.0\.1:\d+$/);
    assertEquals([endpoint, bytes], [`tcp://127.0.0.1:${port}`, 5]);
    assert(ageMs >= 0 && idleMs >= 0 && idleMs <= ageMs);
  }
  assertEquals(ids.size, 8);
  for (const client of clients) await client[Symbol.asyncDispose]();
});

test("an admin port that is taken is one line and 1", async (runtime) => {
  await using program = Program.start(runtime, "--admin", ":0", "-p0");
  const { port } = new URL(await adminOf(program));
  assertEquals(await Program.run(runtime, "--admin", `:${port}`, "-p0"), {
    code: 1,
    stdout: "",
    stderr:
      `Cannot listen on tcp://127.0.0.1:${port}: address already in use\n`,
  });
}, RUNTIMES);

test("an admin listener that others can reach is warned of", async (runtime) => {
  await using program = Program.start(runtime, "--admin=0.0.0.0:0", "-p0");
  const [, url] = await program.line(
    /^Anybody who can reach (\S+) sees the addresses of the clients$/,
  );
  const { port } = new URL(url ?? "");
  const answer = await fetch(`http://127.0.0.1:${port}/healthz`);
  assertEquals([answer.status, await answer.text()], [200, "ok\n"]);
});
