import { spawn, spawnSync } from "node:child_process";
import {
  existsSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  renameSync,
  symlinkSync,
  unlinkSync,
  writeFileSync,
} from "node:fs";
import { createServer } from "node:net";
import { join } from "node:path";
import process from "node:process";
import { listen, serve } from "../../mod.ts";
import { explain } from "../../src/core/error_message.ts";
import { loadRuntime } from "../../src/runtimes/detect.ts";
import { assert, assertEquals, assertRejects } from "../helpers/assert.ts";
import { TemporaryDirectory } from "../helpers/certificates.ts";
import { Client, pattern } from "../helpers/client.ts";
import type { Test } from "./connection_contract.ts";
import { failureOf } from "./reasons_contract.ts";

/** Holds a datagram socket, and a stream socket with no place in its queue. */
const HOLD = `
import socket, sys
d = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
d.bind(sys.argv[1])
s = socket.socket(socket.AF_UNIX)
s.bind(sys.argv[2])
s.listen(0)
c = socket.socket(socket.AF_UNIX)
c.connect(sys.argv[2])
print("ready", flush=True)
sys.stdin.read()
`;

/** States what `listen()` has to do with a Unix socket's file on every runtime. */
export function unixContract(test: Test): void {
  test("The socket's file is its owner's, unless its mode says more", async () => {
    using directory = new TemporaryDirectory();
    const path = directory.file("echod.sock");
    for (const mode of [undefined, 0o660, 0o777]) {
      const listener = await listen({ transport: "unix", path, mode });
      assertEquals(listener.addr, { transport: "unix", path });
      assert(lstatSync(path).isSocket());
      assertEquals(lstatSync(path).mode & 0o777, mode ?? 0o600);
      listener.close();
      listener.close();
      assert(!existsSync(path), "the file is still there");
    }
  });

  test("A socket that nobody listens on any more is replaced", async () => {
    using directory = new TemporaryDirectory();
    const path = directory.file("echod.sock");
    await leaveBehind(path);
    const listener = await listen({ transport: "unix", path });
    const accepted = listener.accept();
    await using client = await Client.connectUnix(path);
    const connection = await accepted;
    await client.send(pattern(3));
    assertEquals(await connection?.read(new Uint8Array(9)), 3);
    connection?.close();
    listener.close();
  });

  test("A socket that somebody listens on is left alone", async () => {
    using directory = new TemporaryDirectory();
    const path = directory.file("echod.sock");
    const first = await listen({ transport: "unix", path });
    await assertRejects(
      () => listen({ transport: "unix", path }),
      Error,
      `Cannot listen on unix://${path}: address already in use`,
    );
    // The one that looked whether somebody listens has already gone.
    (await first.accept())?.close();
    const accepted = first.accept();
    await using _client = await Client.connectUnix(path);
    (await accepted)?.close();
    first.close();
  });

  test("A datagram socket and one whose queue is full are left alone, and told", async () => {
    if (spawnSync("python3", ["-V"]).status !== 0) return;
    using directory = new TemporaryDirectory();
    const datagram = directory.file("datagram");
    const full = directory.file("full");
    const holder = spawn("python3", ["-c", HOLD, datagram, full], {
      stdio: ["pipe", "pipe", "inherit"],
    });
    const ended = new Promise((resolve) => holder.once("exit", resolve));
    await new Promise((resolve) => holder.stdout.once("data", resolve));
    for (
      const [path, reason] of [
        [datagram, "a socket of another kind"],
        [full, "the server's queue is full"],
      ] as const
    ) {
      assertEquals(await failureOf({ transport: "unix", path }), reason);
      await assertRejects(
        () => listen({ transport: "unix", path }),
        Error,
        `Cannot listen on unix://${path}: address already in use`,
      );
      assert(lstatSync(path).isSocket());
    }
    holder.stdin.end();
    await ended;
  });

  test("Only the file of its own is removed", async () => {
    using directory = new TemporaryDirectory();
    const path = directory.file("echod.sock");
    const old = await listen({ transport: "unix", path });
    unlinkSync(path);
    const newer = await listen({ transport: "unix", path });
    old.close();
    assert(lstatSync(path).isSocket());
    unlinkSync(path);
    writeFileSync(path, "precious");
    newer.close();
    assertEquals(lstatSync(path).size, 8);
    assertEquals(readdirSync(directory.file("")), ["echod.sock"]);
  });

  test("A path may be as long as the system allows", async () => {
    using directory = new TemporaryDirectory();
    const folder = directory.file("");
    const nested = join(folder, "d".repeat(100 - folder.length));
    mkdirSync(nested);
    const path = join(nested, "s");
    const listener = await listen({ transport: "unix", path });
    assertEquals(readdirSync(nested), ["s"]);
    listener.close();
    assertEquals(readdirSync(nested), []);
  });

  test("What is not a socket is left alone", async () => {
    using directory = new TemporaryDirectory();
    const file = directory.file("file");
    const link = directory.file("link");
    writeFileSync(file, "precious");
    symlinkSync(directory.file("nothing"), link);
    for (const path of [file, link, directory.file("")]) {
      await assertRejects(
        () => listen({ transport: "unix", path }),
        Error,
        `Cannot listen on unix://${path}: what is there is not a socket`,
      );
    }
    assertEquals(lstatSync(file).size, 8);
    assert(lstatSync(link).isSymbolicLink());
  });

  test("An abstract socket has a name, and no file", async () => {
    const name = `echod-${crypto.randomUUID()}`;
    const path = `\0${name}`;
    if (process.platform !== "linux") {
      await assertRejects(
        () => listen({ transport: "unix", path }),
        Error,
        `Cannot listen on unix:@${name}: only Linux has abstract sockets`,
      );
      return;
    }
    for (let count = 0; count < 2; count++) {
      await using server = serve(await listen({ transport: "unix", path }));
      assertEquals(server.addr, { transport: "unix", path });
      assertEquals(await connectTo(path), "echo");
      const error = await assertRejects(
        () => listen({ transport: "unix", path }),
        Error,
        `Cannot listen on unix:@${name}: address already in use`,
      );
      assertEquals("code" in error && error.code, "EADDRINUSE");
      assert(!existsSync(name));
    }
    // It is free again, and nobody listens.
    assertEquals(await connectTo(path), "connection refused");
  });

  test("A path that cannot be bound is an error", async () => {
    using directory = new TemporaryDirectory();
    for (
      const path of [directory.file("no/echod.sock"), "/" + "x".repeat(200)]
    ) {
      await assertRejects(
        () => listen({ transport: "unix", path }),
        Error,
        `Cannot listen on unix://${path}: `,
      );
    }
  });
}

/** What comes of a connection to a path: an echo, or the reason of a failure. */
async function connectTo(path: string): Promise<string> {
  const runtime = await loadRuntime();
  const connector = await runtime.loadConnector({ chunkSize: 9, timeout: 9e3 });
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  try {
    const socket = await connector.connect({ transport: "unix", path }, {
      onData: () => resolve(),
      onDrain() {},
      onEnd: reject,
    });
    socket.write(new Uint8Array(1), 0, 1);
    await promise;
    socket.close();
    return "echo";
  } catch (error) {
    return explain(error);
  }
}

/** Leaves a socket's file that nobody listens on, as a server does that is killed. */
async function leaveBehind(path: string): Promise<void> {
  const hidden = `${path}.hidden`;
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(hidden, resolve));
  // The server will not find the file it would remove.
  renameSync(hidden, path);
  await new Promise((resolve) => server.close(resolve));
  assert(lstatSync(path).isSocket());
}
