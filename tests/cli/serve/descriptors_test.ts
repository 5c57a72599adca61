import { assert, assertEquals, assertMatch } from "../../helpers/assert.ts";
import { TemporaryDirectory } from "../../helpers/certificates.ts";
import { Client, pattern } from "../../helpers/client.ts";
import { Program, testProgram } from "../../helpers/program.ts";
import { version1 } from "../../helpers/proxy_header.ts";
import { needing, type Runtime } from "../../helpers/runtimes.ts";
import { Supervisor } from "../../helpers/supervisor.ts";

const RUNTIMES = needing(["systemd-socket-activate", "bash"]);

/** A runtime that may do everything, which only Deno asks. */
function free(runtime: Runtime): Runtime {
  return runtime.name === "Deno"
    ? { ...runtime, args: ["run", "--quiet", "-A"] }
    : runtime;
}

function connect(place = ""): Promise<Client> {
  return place.startsWith("/")
    ? Client.connectUnix(place)
    : Client.connect(Number(place));
}

testProgram(
  "serves sockets that systemd passes on, and says where",
  async (runtime) => {
    using directory = new TemporaryDirectory();
    const path = directory.file("echo.sock");
    await using supervisor = await Supervisor.listen(
      ["tcp", path],
      free(runtime),
      "fd://3",
      "fd://4?close=5",
    );
    const [port] = supervisor.places;
    await using first = await connect(port);
    await first.echo(pattern(10));
    await using second = await connect(path);
    second.send(pattern(10));
    assertEquals(await second.receivePattern(), 5);
    await supervisor.started(1);
    const { lines } = supervisor.program;
    assert(lines.includes(`Listening on tcp://127.0.0.1:${port}`));
    assert(lines.includes(`Listening on unix://${path} with faults: close=5`));
  },
  RUNTIMES,
);

testProgram(
  "serves an inherited socket behind a balancer, with --allow-net alone",
  async (runtime) => {
    using directory = new TemporaryDirectory();
    const path = directory.file("echo.sock");
    await using supervisor = await Supervisor.listen(
      ["tcp", path],
      runtime,
      "fd://3?proxy=127.0.0.1",
      "fd://4",
      "-v",
    );
    const [port] = supervisor.places;
    await using first = await connect(port);
    await first.send(version1("TCP4 203.0.113.7 192.0.2.2 4660 7"));
    await first.echo(pattern(10));
    await supervisor.program.line(
      /^#1 203\.0\.113\.7:4660 via 127\.0\.0\.1:\d+ opened$/,
    );
    await using second = await connect(path);
    await second.echo(pattern(10));
  },
  RUNTIMES,
);

testProgram(
  "a drain serves whom it has accepted, and leaves the others to the next one",
  async (runtime) => {
    using directory = new TemporaryDirectory();
    for (const where of ["tcp", directory.file("echo.sock")]) {
      await using supervisor = await Supervisor.listen(
        [where],
        runtime,
        "fd://3",
        "-c1",
      );
      const [place] = supervisor.places;
      await using served = await connect(place);
      await served.echo(pattern(10));
      const pid = await supervisor.started(1);
      // Node, Bun and node:net on Deno accept it, too, and there is no place for it.
      await using waiting = await connect(place);
      await waiting.send(pattern(10));
      for (let turn = 0; turn < 3; turn++) await served.echo(pattern(10));
      Deno.kill(pid, "SIGTERM");
      await supervisor.program.line(/^Draining 1 connection /);

      await using late = await connect(place);
      await late.send(pattern(10));
      await served.echo(pattern(10));
      served.end();
      assertEquals(await served.receive(), null);
      for (const client of [waiting, late]) {
        client.end();
        assertEquals(await client.receivePattern(), 10);
      }
      await supervisor.started(2);
    }
  },
  RUNTIMES,
);

testProgram("a restart under load loses no connection", async (runtime) => {
  using directory = new TemporaryDirectory();
  for (const where of ["tcp", directory.file("echo.sock")]) {
    await using supervisor = await Supervisor.listen(
      [where],
      runtime,
      "fd://3",
      "-c5",
    );
    const [place] = supervisor.places;
    let count = 0;
    let isOver = false;
    let wake = () => {};
    const load = async () => {
      while (!isOver) {
        await using client = await connect(place);
        const sending = client.send(pattern(1_000));
        client.end();
        assertEquals(await client.receivePattern(), 1_000);
        await sending;
        count++;
        wake();
      }
    };
    const clients = Promise.all(Array.from({ length: 20 }, load));
    const stopped = clients.then(() => {
      throw new Error("The load is over too early");
    });
    const served = async (more: number) => {
      for (const enough = count + more; count < enough;) {
        const changed = new Promise<void>((resolve) => wake = resolve);
        await Promise.race([changed, stopped]);
      }
    };
    for (let times = 1; times <= 3; times++) {
      const pid = await Promise.race([supervisor.started(times), stopped]);
      await served(100);
      Deno.kill(pid, "SIGTERM");
    }
    await Promise.race([supervisor.started(4), stopped]);
    isOver = true;
    await clients;
    stopped.catch(() => {});
  }
}, RUNTIMES);

/** What is no listening stream socket, as the descriptor 3, by what makes it. */
const WRONG: Record<string, readonly string[]> = {
  nothing: ["bash", "-c", 'exec "$@" 3<&-', "bash"],
  "a file": ["bash", "-c", 'exec "$@" 3<mod.ts', "bash"],
  "a device": ["bash", "-c", 'exec "$@" 3</dev/null', "bash"],
  "a pipe": ["bash", "-c", 'exec "$@" 3< <(:)', "bash"],
  "a socket for datagrams": perl(
    "socket($s, PF_INET, SOCK_DGRAM, 0); bind($s, $here)",
  ),
  "a socket that does not listen": perl(
    "socket($s, PF_INET, SOCK_STREAM, 0); bind($s, $here)",
  ),
  "a socket without an address": perl("socket($s, PF_INET, SOCK_STREAM, 0)"),
  "a Unix socket that does not listen": perl(
    "socket($s, PF_UNIX, SOCK_STREAM, 0)",
  ),
  "a connection": perl(
    "socket($s, PF_INET, SOCK_STREAM, 0); socket($l, PF_INET, SOCK_STREAM, 0);" +
      "bind($l, $here); listen($l, 1); connect($s, getsockname($l))",
  ),
  "one of two connected Unix sockets": perl(
    "socketpair($s, $l, PF_UNIX, SOCK_STREAM, 0)",
  ),
  "a listening socket for packets": perl(
    "socket($s, PF_UNIX, SOCK_SEQPACKET, 0);" +
      'bind($s, sockaddr_un("\\0echod-" . rand())); listen($s, 1)',
  ),
};

/** Makes a socket in Perl, and runs a command with it as descriptor 3. */
function perl(make: string): string[] {
  const script = "$^F = 9; $here = sockaddr_in(0, INADDR_LOOPBACK);" +
    `${make} or die $!; dup2(fileno($s), 3) or die $!; exec @ARGV or die $!`;
  return ["perl", "-MSocket", "-MPOSIX=dup2", "-e", script, "--"];
}

testProgram(
  "says of a descriptor that it is no listening socket",
  async (runtime) => {
    const { command, args } = free(runtime);
    await Promise.all(
      Object.entries(WRONG).map(async ([what, [launcher = "", ...rest]]) => {
        const own = [command, ...args, "mod.ts", "fd://3"];
        await using program = new Program(launcher, [...rest, ...own]);
        const { code, stderr } = await program.ended();
        assertEquals(
          [code, stderr],
          [
            1,
            "Cannot listen on fd://3: expected a listening socket, TCP or Unix, " +
            "from the process that started this one\n",
          ],
          what,
        );
      }),
    );
  },
  needing(["perl", "bash"]),
);

testProgram("says that a Unix socket has no fault reset", async (runtime) => {
  const listening = perl(
    "socket($s, PF_UNIX, SOCK_STREAM, 0);" +
      'bind($s, sockaddr_un("\\0echod-" . rand())); listen($s, 1)',
  );
  const [launcher = "", ...rest] = listening;
  const { command, args } = runtime;
  const own = [command, ...args, "mod.ts", "fd://3?reset=5"];
  await using program = new Program(launcher, [...rest, ...own]);
  const { code, stderr } = await program.ended();
  assertEquals(code, 1);
  assertMatch(
    stderr,
    /^Cannot listen on fd:\/\/3: it is a Unix socket, which has no fault reset$/m,
  );
}, needing(["perl"]));

testProgram(
  "serves a socket that inetd passes on as its standard input",
  async (runtime) => {
    const launcher = perl(
      "socket($s, PF_INET, SOCK_STREAM, 0); bind($s, $here); listen($s, 9);" +
        'open(STDIN, "<&", $s)',
    );
    const [perlPath = "", ...rest] = launcher;
    const { command, args } = runtime;
    const own = [command, ...args, "mod.ts", "fd://0"];
    await using program = new Program(perlPath, [...rest, ...own]);
    await using client = await Client.connect(await program.port());
    await client.echo(pattern(10));
  },
  needing(["perl"]),
);
