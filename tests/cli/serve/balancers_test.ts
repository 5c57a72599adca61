import { assertEquals } from "../../helpers/assert.ts";
import {
  makeCertificate,
  TemporaryDirectory,
} from "../../helpers/certificates.ts";
import { Program, testProgram } from "../../helpers/program.ts";
import { version1 } from "../../helpers/proxy_header.ts";
import { needing, type Runtime, RUNTIMES } from "../../helpers/runtimes.ts";

const [DENO, NODE, BUN] = RUNTIMES;
/** With permission to read the certificate. */
const READING = [
  { ...DENO, args: [...DENO.args, "--allow-read"] },
  NODE,
  BUN,
];

/** Checks that nginx has its module for streams. */
const CHECK = `
config=$(mktemp) && trap 'rm -f "$config"*' EXIT
echo "include /etc/nginx/modules-enabled/*.conf;" >"$config"
echo "pid $config.pid; events {} stream {}" >>"$config"
nginx -t -e /dev/null -c "$config"`;

/** The client that a balancer in front of the other one tells of. */
const CLIENT = "203.0.113.7:4660";

/** Echoes a line through a balancer, on the Unix socket that it listens on. */
async function echoLine(path: string): Promise<void> {
  using connection = await Deno.connect({ transport: "unix", path });
  const header = version1("TCP4 203.0.113.7 192.0.2.2 4660 7");
  await connection.write(header);
  await connection.write(new TextEncoder().encode("Hello World\n"));
  const buffer = new Uint8Array(100);
  const count = await connection.read(buffer);
  assertEquals(
    new TextDecoder().decode(buffer.subarray(0, count ?? 0)),
    "Hello World\n",
  );
}

/** Ends a server, and says how many clients it had, and how many it has refused. */
async function totalsOf(program: Program) {
  program.signal("SIGTERM");
  assertEquals((await program.ended()).code, 0);
  const client = `"open",.*"remote":"${CLIENT}","via":"127.0.0.1:\\d+"}`;
  const clients = program.lines.filter((line) => RegExp(client).test(line));
  const { refused } = JSON.parse(program.lines.at(-1) ?? "");
  return { clients: clients.length, refused };
}

/** Starts HAProxy in front of a port, with a Unix socket for each way to send headers. */
async function startHaproxy(
  directory: TemporaryDirectory,
  port: number,
  ways: readonly string[],
): Promise<{ haproxy: Program; paths: string[] }> {
  const paths = ways.map((_, index) => directory.file(`front${index}`));
  const config = directory.file("haproxy.cfg");
  const lines = ways.map((way, index) => `
listen front${index}
  bind unix@${paths[index]} accept-proxy
  server echod 127.0.0.1:${port} ${way} check inter 2s`);
  await Deno.writeTextFile(
    config,
    `defaults
  mode tcp
  timeout connect 5s
  timeout client 30s
  timeout server 30s
  option tcp-check
  tcp-check send healthy
  tcp-check expect string healthy
${lines.join("\n")}
`,
  );
  return { haproxy: new Program("haproxy", ["-db", "-f", config]), paths };
}

/** A health check of a balancer, which is about no client. */
const CHECKED = /"close",.*"remote":"127.0.0.1:\d+","bytes":7,/;

testProgram(
  "echoes behind HAProxy, by both versions of its headers, and answers its health checks",
  async (runtime) => {
    using directory = new TemporaryDirectory();
    await using program = Program.start(
      runtime,
      "tcp://127.0.0.1:0?proxy=127.0.0.1",
      "-v",
      "--log-format=json",
    );
    const ways = ["send-proxy", "send-proxy-v2"];
    const port = await program.port();
    const { haproxy, paths } = await startHaproxy(directory, port, ways);
    await using _haproxy = haproxy;
    await program.line(CHECKED);
    for (const path of paths) await echoLine(path);
    assertEquals(await totalsOf(program), { clients: 2, refused: 0 });
  },
  needing(["haproxy"]),
);

testProgram(
  "echoes over TLS behind HAProxy",
  async (runtime) => {
    using directory = new TemporaryDirectory();
    const [cert, key] = [directory.file("cert.pem"), directory.file("key.pem")];
    makeCertificate(cert, key);
    await using program = Program.start(
      runtime,
      "tls://127.0.0.1:0?proxy=127.0.0.1",
      `--tls-cert=${cert}`,
      `--tls-key=${key}`,
      "-v",
      "--log-format=json",
    );
    const ways = ["send-proxy", "send-proxy-v2"]
      .map((way) => `ssl verify none ${way}`);
    const port = await program.port();
    const { haproxy, paths } = await startHaproxy(directory, port, ways);
    await using _haproxy = haproxy;
    await program.line(CHECKED);
    for (const path of paths) await echoLine(path);
    assertEquals(await totalsOf(program), { clients: 2, refused: 0 });
  },
  needing(["haproxy", "openssl"], READING),
);

/** Starts nginx in front of a port, on a port that nobody else has. */
async function startNginx(
  directory: TemporaryDirectory,
  port: number,
): Promise<{ nginx: Program; port: number }> {
  const config = directory.file("nginx.conf");
  for (;;) {
    // Below those that the system gives to clients.
    const front = 10_000 + Math.floor(Math.random() * 20_000);
    await Deno.writeTextFile(
      config,
      `include /etc/nginx/modules-enabled/*.conf;
daemon off;
master_process off;
pid ${directory.file("nginx.pid")};
error_log stderr notice;
events {}
stream {
  server {
    listen 127.0.0.1:${front};
    proxy_pass 127.0.0.1:${port};
    proxy_protocol on;
  }
}
`,
    );
    const nginx = new Program("nginx", ["-e", "stderr", "-c", config]);
    try {
      await nginx.line(/ event method/);
      return { nginx, port: front };
    } catch (error) {
      if (!String(error).includes("Address already in use")) throw error;
    }
  }
}

testProgram(
  "echoes behind nginx",
  async (runtime) => {
    using directory = new TemporaryDirectory();
    await using program = Program.start(
      runtime,
      "tcp://127.0.0.1:0?proxy=127.0.0.1",
      "-v",
      "--log-format=json",
    );
    const { nginx, port } = await startNginx(directory, await program.port());
    await using _nginx = nginx;
    using connection = await Deno.connect({ hostname: "127.0.0.1", port });
    await connection.write(new TextEncoder().encode("Hello World\n"));
    await connection.read(new Uint8Array(12));
    const remote = `127.0.0.1:${connection.localAddr.port}`;
    await program.line(RegExp(`"open",.*"remote":"${remote}","via"`));
    connection.closeWrite();
    await program.line(RegExp(`"close",.*"bytes":12,`));
    assertEquals((await totalsOf(program)).refused, 0);
  },
  withNginx([DENO]),
);

/** Some runtimes, where nginx is installed and has its module for streams. */
function withNginx(runtimes: readonly Runtime[]): readonly Runtime[] {
  const needed = needing(["nginx"], runtimes);
  if (needed.some(({ command }) => command === "")) return needed;
  const { success } = new Deno.Command("bash", { args: ["-c", CHECK] })
    .outputSync();
  if (success) return needed;
  const lacks = "nginx's stream module";
  return runtimes.map(({ name }) => ({ name, command: "", args: [], lacks }));
}
