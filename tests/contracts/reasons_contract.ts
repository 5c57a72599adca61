import { createSocket } from "node:dgram";
import { writeFileSync } from "node:fs";
import { createServer } from "node:net";
import process from "node:process";
import { listen, type ListenOptions, serve } from "../../mod.ts";
import { explain } from "../../src/core/error_message.ts";
import type { Addr } from "../../src/core/transport.ts";
import {
  CONNECT_REASONS,
  type Connector,
} from "../../src/runtimes/connector.ts";
import { tryEachAddress } from "../../src/runtimes/each_address.ts";
import { loadRuntime } from "../../src/runtimes/detect.ts";
import { assert, assertEquals, assertRejects } from "../helpers/assert.ts";
import {
  certificate,
  certificateWith,
  TemporaryDirectory,
} from "../helpers/certificates.ts";
import { portOf } from "../helpers/transports.ts";
import type { Test } from "./connection_contract.ts";

const NO_HOST = "no.such.host.invalid";
/** Without a network, nothing can be looked up. */
const NO_NAME = ["no such host", "the name cannot be looked up for now"];
const NO_NAME_CODES = ["ENOTFOUND", "EAI_AGAIN"];
const LONG = `/${"x".repeat(200)}`;
const LONGER = `/${"x".repeat(300)}`;

/** States that what fails has the same reason on every runtime. */
export function reasonsContract(test: Test): void {
  test("listen() has the same reasons, and codes, everywhere", async () => {
    using directory = new TemporaryDirectory();
    writeFileSync(directory.file("file"), "");
    const path = directory.file("echod.sock");
    const unix = await listen({ transport: "unix", path });
    const tcp = await listen({ port: 0 });
    const udp = createSocket("udp4");
    await new Promise<void>((resolve) => udp.bind(0, "127.0.0.1", resolve));
    const hostname = "192.0.2.99";
    const away = "not an address of this machine";
    const used = "address already in use";
    const tls = { transport: "tls", port: 0, ...certificate() } as const;
    const failing: [ListenOptions, string, string][] = [
      [{ port: portOf(tcp.addr) }, used, "EADDRINUSE"],
      [{ ...tls, port: portOf(tcp.addr) }, used, "EADDRINUSE"],
      [{ transport: "udp", port: udp.address().port }, used, "EADDRINUSE"],
      [{ transport: "unix", path }, used, "EADDRINUSE"],
      [{ port: 0, hostname }, away, "EADDRNOTAVAIL"],
      [{ ...tls, hostname }, away, "EADDRNOTAVAIL"],
      [{ transport: "udp", port: 0, hostname }, away, "EADDRNOTAVAIL"],
      [{ port: 0, hostname: "2001:db8::99" }, away, "EADDRNOTAVAIL"],
      [
        { transport: "unix", path: directory.file("none/echod.sock") },
        "no such file or directory",
        "ENOENT",
      ],
      [
        { transport: "unix", path: directory.file("file/echod.sock") },
        "not a directory",
        "ENOTDIR",
      ],
      [{ transport: "unix", path: LONG }, "name too long", "ENAMETOOLONG"],
      [{ transport: "unix", path: LONGER }, "name too long", "ENAMETOOLONG"],
    ];
    if (process.getuid?.() !== 0 && process.platform === "linux") {
      failing.push([
        { transport: "unix", path: "/echod.sock" },
        "permission denied",
        "EACCES",
      ]);
    }
    for (const [options, reason, code] of failing) {
      const error = await assertRejects(() => listen(options), Error);
      assert(error.message.startsWith("Cannot listen on "), error.message);
      assert(error.message.endsWith(`: ${reason}`), error.message);
      assert("code" in error);
      assertEquals(error.code, code);
    }
    for (const options of [{ port: 0 }, { transport: "udp", port: 0 }, tls]) {
      for (const hostname of [NO_HOST, "*"]) {
        const error = await assertRejects(
          () => Reflect.apply(listen, undefined, [{ ...options, hostname }]),
          Error,
        );
        assertIn(error.message.split(": ").at(-1), NO_NAME);
        assertIn("code" in error && error.code, NO_NAME_CODES);
      }
    }
    tcp.close();
    unix.close();
    await new Promise<void>((resolve) => udp.close(resolve));
  });

  test("A connection that cannot be opened has the same reason everywhere", async () => {
    using directory = new TemporaryDirectory();
    const file = directory.file("file");
    writeFileSync(file, "");
    const port = await deadPort();
    const hostname = "127.0.0.1";
    const refused = "connection refused";
    const failing: [Addr, string[]][] = [
      [{ transport: "tcp", hostname, port }, [refused]],
      [{ transport: "tls", hostname, port }, [refused]],
      [{ transport: "tcp", hostname: NO_HOST, port }, NO_NAME],
      [{ transport: "tls", hostname: NO_HOST, port }, NO_NAME],
      [{ transport: "udp", hostname: NO_HOST, port }, NO_NAME],
      [{ transport: "tcp", hostname: "255.255.255.255", port }, [
        "no way to that network",
      ]],
      [{ transport: "unix", path: `${file}.none` }, [
        "no such file or directory",
      ]],
      [{ transport: "unix", path: `${file}/none` }, ["not a directory"]],
      [{ transport: "unix", path: file }, [refused]],
      [{ transport: "unix", path: LONG }, ["invalid argument"]],
    ];
    for (const [addr, reasons] of failing) {
      assertIn(await failureOf(addr), reasons);
    }
  });

  test("All addresses of a name are tried, and named", async () => {
    const [dead, live] = ["::1", "127.0.0.1"];
    const { cert: ca } = certificate();
    for (
      const options of [
        { port: 0 },
        { transport: "tls", port: 0, ...certificate() },
        { transport: "udp", port: 0 },
      ] as const
    ) {
      const listener = await listen(options);
      const server = serve(listener);
      const { transport, port } = listener.addr;
      const addr = { transport, hostname: "localhost", port } as const;
      const runtime = await loadRuntime();
      let looked = 0;
      const connector = tryEachAddress(
        await runtime.loadConnector({ chunkSize: 9, timeout: 10_000, ca }),
        () => {
          looked++;
          return Promise.resolve([dead, live]);
        },
      );
      for (let count = 0; count < 2; count++) {
        assertEquals(await echoOver(connector, addr), live);
      }
      assertEquals(looked, 1);
      await server.shutdown({ grace: 0 });
      // Deno's UDP does not hear of a closed port.
      if (transport === "udp") continue;
      await assertRejects(
        () => echoOver(connector, addr),
        Error,
        `${live}: connection refused; ${dead}: connection refused`,
      );
    }
  });

  test("A TLS server that is not trusted is told from others, in the same words", async () => {
    const { cert: ca } = certificate();
    await using server = serve(
      await listen({ transport: "tls", port: 0, ...certificate() }),
    );
    const other = certificateWith(
      ..."-newkey ec -pkeyopt ec_paramgen_curve:P-256".split(" "),
    );
    const port = portOf(server.addr);
    const plain = createServer((socket) => {
      socket.on("error", () => {});
      socket.resume().end("HTTP/1.1 400 Bad Request\r\n\r\n");
    });
    const leaving = createServer((socket) => {
      socket.on("error", () => {});
      socket.resume().end();
    });
    const tls = (port: number, hostname = "localhost"): Addr => ({
      transport: "tls",
      hostname,
      port,
    });
    const untrusted = "no trusted authority has issued the certificate";
    assertEquals(await failureOf(tls(port)), `TLS failed: ${untrusted}`);
    assertEquals(
      await failureOf(tls(port), { ca: other.cert }),
      `TLS failed: ${untrusted}`,
    );
    assertEquals(
      await failureOf(tls(port, "127.0.0.1"), { ca }),
      "TLS failed: the certificate is for another name",
    );
    assertEquals(await failureOf(tls(port), { ca }), undefined);
    assertEquals(
      await failureOf(tls(port, "127.0.0.1"), { insecure: true }),
      undefined,
    );
    assertEquals(
      await failureOf(tls(await portFor(plain)), { ca }),
      "TLS failed: not TLS",
    );
    assertEquals(
      await failureOf(tls(await portFor(leaving)), { ca }),
      "TLS failed: the peer left during the handshake",
    );
    for (const server of [plain, leaving]) {
      await new Promise((resolve) => server.close(resolve));
    }
  });
}

/** Why a connection cannot be opened; undefined if it can. */
export async function failureOf(
  addr: Addr,
  options: { ca?: string; insecure?: boolean } = {},
): Promise<string | undefined> {
  const runtime = await loadRuntime();
  const connector = await runtime.loadConnector({
    chunkSize: 1,
    timeout: 10_000,
    ...options,
  });
  try {
    const socket = await connector.connect(addr, {
      onData() {},
      onDrain() {},
      onEnd() {},
    });
    socket.close();
    return undefined;
  } catch (error) {
    return explain(error, CONNECT_REASONS);
  }
}

/** Gets an echo. Resolves with the address that it has come from. */
function echoOver(
  connector: Connector,
  addr: Addr,
): Promise<string | undefined> {
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  const connecting = connector.connect(addr, {
    onData: () => resolve(),
    onDrain() {},
    onEnd: reject,
  });
  return connecting.then(async (socket) => {
    socket.write(new Uint8Array(1), 0, 1);
    await promise;
    socket.close();
    return socket.remoteAddress;
  });
}

function portFor(server: ReturnType<typeof createServer>): Promise<number> {
  return new Promise((resolve) =>
    server.listen(0, "127.0.0.1", () => {
      const address = server.address();
      assert(address && typeof address === "object");
      resolve(address.port);
    })
  );
}

/** A port that nobody listens on, outside those that are given to clients. */
async function deadPort(): Promise<number> {
  for (let port = 20_000;; port++) {
    try {
      (await listen({ port })).close();
      return port;
    } catch {
      // Somebody listens on it.
    }
  }
}

function assertIn(value: unknown, expected: readonly unknown[]): void {
  assert(expected.includes(value), `${value} is not one of ${expected}`);
}
