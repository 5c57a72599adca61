import { assert, assertEquals, assertMatch } from "../helpers/assert.ts";
import { Client, pattern } from "../helpers/client.ts";
import { Program, testProgram as test } from "../helpers/program.ts";
import { needing, type Runtime, RUNTIMES } from "../helpers/runtimes.ts";
import { report, SCALE } from "../helpers/scale.ts";
import { listeningPort, socketsOf } from "../helpers/sockets.ts";

const [DENO] = RUNTIMES;

/** Starts the program with room for few connections. */
function startShortOfDescriptors({ command, args }: Runtime): Program {
  return new Program("bash", [
    "-c",
    `ulimit -n 64; exec "$0" "$@" mod.ts -p 0`,
    command,
    ...args,
  ]);
}

test(
  "no descriptor is left: service resumes when there is one",
  async (runtime) => {
    await using program = startShortOfDescriptors(runtime);
    const port = await program.port();
    const tooMany = (lines: string[]) =>
      lines.filter((line) => line.startsWith("Cannot accept connections"));

    const clients = await Promise.all(
      Array.from({ length: 100 }, () => Client.connect(port)),
    );
    await program.line(
      /^Cannot accept connections for now: too many open files/,
    );
    // Those who have been accepted are served all the same.
    const [first, ...others] = clients;
    assert(first);
    assertEquals(await first.echo(pattern(9)), pattern(9));
    // One goes, and one more comes in; the shortage is the same.
    first.end();
    assertEquals(await first.receive(), null);
    const waiting = others.map(async (client) => {
      assertEquals(await client.echo(pattern(9)), pattern(9));
      client.end();
      assertEquals(await client.receive(), null);
    });
    await Promise.all(waiting);
    for (const client of clients) await client[Symbol.asyncDispose]();
    assertEquals(tooMany(program.lines).length, 1);

    await using next = await Client.connect(port);
    assertEquals(await next.echo(pattern(9)), pattern(9));
    program.signal("SIGTERM");
    next.end();
    assertEquals((await program.ended()).code, 0);
  },
  needing(["bash"], [DENO]),
);

test(
  "no descriptor is left for seconds: service is back within two",
  async (runtime) => {
    await using program = startShortOfDescriptors(runtime);
    const port = await program.port();
    await using first = await Client.connect(port);
    assertEquals(await first.echo(pattern(9)), pattern(9));
    const others = await Promise.all(
      Array.from({ length: 100 }, () => Client.connect(port)),
    );
    // Those who have been accepted are served all the same.
    const until = performance.now() + 5_000 * SCALE;
    while (performance.now() < until) {
      assertEquals(await first.echo(pattern(9)), pattern(9));
    }
    for (const client of others) await client[Symbol.asyncDispose]();
    const start = performance.now();
    while (!await isServed(port));
    const waited = performance.now() - start;
    report(`a newcomer was served after ${Math.round(waited)} ms`);
    assert(waited < 2_000, `a newcomer was served after ${waited} ms`);
  },
  needing(["bash"]),
);

/** Whether a newcomer is: until the others are seen to have gone, Node closes some. */
async function isServed(port: number): Promise<boolean> {
  await using client = await Client.connect(port);
  const echoed = await client.echo(pattern(9)).catch(() => undefined);
  if (echoed) assertEquals(echoed, pattern(9));
  return echoed !== undefined;
}

test("ten thousand connections one after another leave nothing behind", async (runtime) => {
  await using program = Program.start(
    runtime,
    "--log-format",
    "json",
    "-p",
    "0",
  );
  const port = await program.port();
  let bytes = 0;
  const churn = async (count: number) => {
    for (let i = 0; i < count; i++) {
      await using client = await Client.connect(port);
      if (i % 3 === 0) {
        await client.reset();
      } else {
        assertEquals(await client.echo(pattern(64)), pattern(64));
        bytes += 64;
      }
    }
  };
  const before = await program.descriptors();
  await Promise.all(Array.from({ length: 10 }, () => churn(1_000)));
  await using last = await Client.connect(port);
  assertEquals(await last.echo(pattern(64)), pattern(64));
  // Nothing says when the system has closed the last descriptor but this one's,
  // but a leak would be there for ever.
  while (await program.descriptors() !== before + 1);
  program.signal("SIGTERM");
  await program.line(/"drain","connections":1,/);
  last.end();
  await program.line(RegExp(`"terminated",.*"bytes":${bytes + 64},`));
});

test("peers that have vanished are noticed by keep-alive", async (runtime) => {
  await using program = Program.start(runtime, "-p", "0");
  const port = await program.port();
  await using client = await Client.connect(port);
  await client.echo(pattern(1));
  // That takes the system hours; here it is asked whether it is waiting.
  for (;;) {
    const sockets = await socketsOf(program.pid);
    const connection = sockets.find(({ state }) => state === "established");
    if (connection?.keepAlive) break;
  }
});

test(
  "peers that have stopped are gone after --idle-timeout",
  async (runtime) => {
    await using program = Program.start(
      runtime,
      "--idle-timeout=1s",
      "-v",
      "-p",
      "0",
    );
    const port = await program.port();
    // One has said something, and half of another's echo is still to be taken.
    const script = `exec 3<>/dev/tcp/127.0.0.1/$0 4<>/dev/tcp/127.0.0.1/$0
    echo hello >&3; read -r line <&3; echo "$line" >&2
    head -c 100000000 /dev/zero >&4`;
    await using peer = new Program("bash", ["-c", script, String(port)]);
    await peer.line(/^hello$/);
    await program.line(/#2 .* opened/);
    peer.signal("SIGSTOP");
    await program.line(/ closed \(idle\): 6 B echoed/);
    await program.matches(/ closed \(idle\)/, 2);
  },
  needing(["bash"]),
);

test("SIGTERM amid 200 busy connections: exact to the end, then 0", async (runtime) => {
  await using program = Program.start(
    runtime,
    "--grace=1h",
    "--log-format=json",
    "-v",
    "-p0",
  );
  const port = await program.port();
  let busy = 0;
  const allBusy = Promise.withResolvers<void>();
  let ended = 0;
  let draining = false;
  const clients = Array.from({ length: 200 }, async (_, index) => {
    await using client = await Client.connect(port);
    const message = pattern(1 + index * 97);
    let echoes = 0;
    // Half of them end by themselves when it drains, the others never do.
    for (; !draining || index % 2; echoes++) {
      const echoed = await client.echo(message).catch(() => undefined);
      if (!echoed) break;
      assertEquals(echoed, message);
      if (echoes === 0 && ++busy === 200) allBusy.resolve();
    }
    client.end();
    assertEquals(await client.receive().catch(() => null), null);
    // Once they have, the others are closed.
    if (index % 2 === 0 && ++ended === 100) program.signal("SIGTERM");
    return echoes * message.length;
  });
  await allBusy.promise;
  program.signal("SIGTERM");
  await program.line(/"drain","connections":200,"graceMs":3600000/);
  draining = true;
  const received = await Promise.all(clients);
  assertEquals((await program.ended()).code, 0);
  const events = program.lines.map((line) => JSON.parse(line));
  const closed = events.filter(({ event }) => event === "close");
  const reasons = closed.map(({ reason }) => reason);
  for (const reason of ["eof", "shutdown"]) {
    assertEquals(reasons.filter((one) => one === reason).length, 100, reason);
  }
  const { bytes, connections, failed } = events.at(-1);
  assertEquals([connections, failed], [200, 0]);
  const sum = received.reduce((sum, bytes) => sum + bytes, 0);
  // What was on its way to the others is not received, or not as a whole.
  assert(bytes >= sum && bytes <= sum + 100 * pattern(1 + 199 * 97).length);
});

test("SIGTERM twice amid 200 busy connections ends at once, with 0", async (runtime) => {
  await using program = Program.start(runtime, "--grace=1h", "-p0");
  const port = await program.port();
  const clients = await Promise.all(
    Array.from({ length: 200 }, () => Client.connect(port)),
  );
  await Promise.all(clients.map((client) => client.echo(pattern(100))));
  const busy = clients.map(async (client) => {
    while (await client.echo(pattern(100)).catch(() => undefined));
    await client[Symbol.asyncDispose]();
  });
  program.signal("SIGTERM");
  await program.line(/^Draining 200 connections/);
  program.signal("SIGTERM");
  assertEquals((await program.ended()).code, 0);
  await Promise.all(busy);
});

test("SIGKILL, and the next one listens on the same port at once", async (runtime) => {
  await using killed = Program.start(runtime, "-p0");
  const port = await killed.port();
  await using gone = await Client.connect(port);
  await using there = await Client.connect(port);
  for (const client of [gone, there]) await client.echo(pattern(9));
  killed.signal("SIGKILL");
  await killed.ended();
  // The system has ended the connections on the server's side: that of a client
  // who ends its own side now is in TIME_WAIT, the other waits for its client.
  assertEquals(await gone.receive(), null);
  gone.end();
  await using next = Program.start(runtime, "-p", String(port));
  assertEquals(await next.port(), port);
  await using client = await Client.connect(port);
  assertEquals(await client.echo(pattern(9)), pattern(9));
});

test("standard error is closed: serving goes on", async (runtime) => {
  await using program = new Program("bash", [
    "-c",
    `exec "$0" "$@" mod.ts -v -p 0 2>&-`,
    runtime.command,
    ...runtime.args,
  ]);
  const port = await listeningPort(program.pid);
  for (let i = 0; i < 3; i++) {
    await using client = await Client.connect(port);
    assertEquals(await client.echo(pattern(9)), pattern(9));
  }
  program.signal("SIGTERM");
  assertEquals((await program.ended()).code, 0);
}, needing(["bash"]));

/** The reading end of a log, which reads only when told to. */
class LogPipe implements Disposable {
  readonly #file: Deno.FsFile;
  readonly #buffer = new Uint8Array(4096);
  #rest = "";

  private constructor(file: Deno.FsFile) {
    this.#file = file;
  }

  /** Starts the program with its log in a named pipe, which can hold 64 KiB. */
  static async start({ command, args }: Runtime): Promise<[LogPipe, Program]> {
    const directory = await Deno.makeTempDir();
    const path = `${directory}/log`;
    await new Deno.Command("mkfifo", { args: [path] }).output();
    const program = new Program("bash", [
      "-c",
      `exec "$0" "$@" mod.ts -v -p 0 2>${path}`,
      command,
      ...args,
    ]);
    const file = await Deno.open(path);
    await Deno.remove(directory, { recursive: true });
    return [new LogPipe(file), program];
  }

  /** The next line. */
  async line(): Promise<string> {
    while (!this.#rest.includes("\n")) {
      const count = await this.#file.read(this.#buffer);
      assert(count !== null, "the log has ended");
      this.#rest += new TextDecoder().decode(this.#buffer.subarray(0, count));
    }
    const [line = "", ...rest] = this.#rest.split("\n");
    this.#rest = rest.join("\n");
    return line;
  }

  /** The port that the first line names. */
  async port(): Promise<number> {
    return Number(/:(\d+)$/.exec(await this.line())?.[1]);
  }

  [Symbol.dispose]() {
    this.#file.close();
  }
}

/** Connects, echoes and leaves, many times: two lines of log each. */
async function makeLines(port: number, count: number): Promise<void> {
  for (let i = 0; i < count; i++) {
    await using client = await Client.connect(port);
    assertEquals(await client.echo(pattern(9)), pattern(9));
    client.end();
    assertEquals(await client.receive(), null);
  }
}

test(
  "nobody reads standard error: serving goes on, and what is lost is said",
  async (runtime) => {
    const started = await LogPipe.start(runtime);
    using log = started[0];
    await using program = started[1];
    const port = await log.port();
    // 64 KiB in the pipe, 256 KiB in the program, and some more.
    await makeLines(port, 5_000);
    const lines: string[] = [];
    const isLost = (line: string) => /^\d+ lines lost: /.test(line);
    while (!lines.some(isLost)) lines.push(await log.line());
    const lost = parseInt(lines.pop() ?? "");
    assertEquals(lines.length + lost, 10_000);
    // Every line is whole.
    for (const line of lines) {
      assertMatch(line, /^#\d+ [\d.:]+ (opened|closed .*)$/);
    }
    await makeLines(port, 1);
    assertMatch(await log.line(), /^#5001 .* opened$/);
    program.signal("SIGTERM");
    assertMatch(await log.line(), /^#5001 .* closed/);
    assertMatch(await log.line(), /^Server terminated: 5001 connections,/);
    assertEquals((await program.ended()).code, 0);
  },
  needing(["bash", "mkfifo"]),
);

test("nobody reads standard error: it ends all the same", async (runtime) => {
  const started = await LogPipe.start(runtime);
  using log = started[0];
  await using program = started[1];
  const port = await log.port();
  await makeLines(port, 1_000);
  program.signal("SIGTERM");
  assertEquals((await program.ended()).code, 0);
}, needing(["bash", "mkfifo"]));

test(
  "the clock is set forward and back: nobody is idle for that",
  async (runtime) => {
    const file = await Deno.makeTempFile();
    const setClock = async (seconds: number) => {
      // At once, as it is read all the time.
      await Deno.writeTextFile(
        `${file}.new`,
        `${seconds < 0 ? "" : "+"}${seconds}`,
      );
      await Deno.rename(`${file}.new`, file);
    };
    await setClock(0);
    await using program = new Program("bash", [
      "-c",
      `export LD_PRELOAD=$(ls /usr/lib/*/faketime/libfaketimeMT.so.1)
    export FAKETIME_TIMESTAMP_FILE=${file} FAKETIME_NO_CACHE=1
    export FAKETIME_DONT_FAKE_MONOTONIC=1
    exec "$0" "$@" mod.ts --idle-timeout 3s --log-format json -v -p 0`,
      runtime.command,
      ...runtime.args,
    ]);
    const port = await program.port();
    const clients = await Promise.all(
      Array.from({ length: 20 }, () => Client.connect(port)),
    );
    const echo = () =>
      Promise.all(clients.map((client) => client.echo(pattern(1))));
    await echo();
    for (const [round, seconds] of [3_600, -86_400].entries()) {
      await using newcomer = await Client.connect(port);
      const pingFor = async (ms: number) => {
        const until = performance.now() + ms;
        while (performance.now() < until) await newcomer.echo(pattern(1));
      };
      // Idle connections are looked for every 300 ms: before it, and after.
      await pingFor(400);
      await setClock(seconds);
      await pingFor(400);
      await using _last = await Client.connect(port);
      const id = clients.length + 2 + 2 * round;
      const [line] = await program.line(RegExp(`.*"open","id":${id},.*`));
      const ahead = (Date.parse(JSON.parse(line).time) - Date.now()) / 1_000;
      assert(Math.abs(ahead - seconds) < 60, `the clock is ${ahead} s ahead`);
      await echo();
    }
    assert(!program.lines.some((line) => line.includes('"idle"')));
    for (const client of clients) {
      assertEquals(await client.receive(), null);
      await client[Symbol.asyncDispose]();
    }
    await program.line(/"close","id":20,.*"reason":"idle"/);
    await Deno.remove(file);
  },
  needing(["bash", "faketime"]),
);
