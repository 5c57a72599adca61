import { lstatSync, readdirSync, writeFileSync } from "node:fs";
import { listenUnix } from "../../src/listen/unix.ts";
import { LONGEST_PATH } from "../../src/runtimes/unix_path.ts";
import { assertEquals, assertRejects } from "../helpers/assert.ts";
import { TemporaryDirectory } from "../helpers/certificates.ts";
import { MemoryListener } from "../helpers/memory.ts";

const states = await Promise.all(
  (["read", "write"] as const).map((name) => Deno.permissions.query({ name })),
);

function test(name: string, fn: () => Promise<void>): void {
  const ignore = states.some(({ state }) => state !== "granted");
  Deno.test({ name: `listenUnix() ${name}`, ignore, fn });
}

Deno.test("listenUnix() binds no path that is too long", async () => {
  const bound: string[] = [];
  const listener = new MemoryListener();
  const bind = (path: string) => {
    bound.push(path);
    return Promise.resolve(listener);
  };
  // The names of abstract sockets are as long as paths, and need no file.
  const most = `\0${"x".repeat(LONGEST_PATH - 1)}`;
  const error = await assertRejects(
    () => listenUnix(`${most}x`, 0o600, bind),
    Error,
    `name too long: a path can have ${LONGEST_PATH} bytes at most`,
  );
  assertEquals(Reflect.get(error, "code"), "ENAMETOOLONG");
  if (Deno.build.os === "linux") {
    assertEquals(await listenUnix(most, 0o600, bind), listener);
    assertEquals(bound, [most]);
  } else {
    const only = "only Linux has abstract sockets";
    await assertRejects(() => listenUnix(most, 0o600, bind), Error, only);
  }
});

/** A listener that makes a file, as a socket does, and notes its path. */
function binder(onBind = () => {}) {
  const calls: string[] = [];
  const listener = Object.assign(new MemoryListener(), {
    ref: () => void calls.push("ref"),
    unref: () => void calls.push("unref"),
  });
  const bind = (path: string) => {
    writeFileSync(path, "", { flag: "wx" });
    onBind();
    return Promise.resolve(listener);
  };
  return { listener, bind, calls };
}

test("leaves only the socket's own name, and removes it once", async () => {
  using directory = new TemporaryDirectory();
  const path = directory.file("echod.sock");
  const { listener, bind, calls } = binder();
  const unix = await listenUnix(path, 0o600, bind);
  assertEquals(readdirSync(directory.file(".")), ["echod.sock"]);
  assertEquals(lstatSync(path).mode & 0o777, 0o600);
  unix.unref?.();
  unix.ref?.();
  assertEquals(calls, ["unref", "ref"]);
  unix.close();
  assertEquals([readdirSync(directory.file(".")), listener.closed], [[], 1]);
  writeFileSync(path, "");
  unix.close();
  assertEquals([readdirSync(directory.file(".")), listener.closed], [
    ["echod.sock"],
    1,
  ]);
});

test("can do without ref() and unref()", async () => {
  using directory = new TemporaryDirectory();
  const path = directory.file("echod.sock");
  const unix = await listenUnix(path, 0o600, (path) => {
    writeFileSync(path, "", { flag: "wx" });
    return Promise.resolve(new MemoryListener());
  });
  unix.unref?.();
  unix.ref?.();
  unix.close();
});

test("gives way to another server that is there first", async () => {
  using directory = new TemporaryDirectory();
  const path = directory.file("echod.sock");
  const { listener, bind } = binder(() => writeFileSync(path, "another's"));
  const error = await assertRejects(
    () => listenUnix(path, 0o600, bind),
    Error,
    "address already in use",
  );
  assertEquals([Reflect.get(error, "code"), listener.closed], [
    "EADDRINUSE",
    1,
  ]);
  assertEquals(lstatSync(path).size, 9);
});

test("closes the socket that cannot get its name, and says why", async () => {
  const directory = new TemporaryDirectory();
  const path = directory.file("echod.sock");
  // The directory vanishes.
  const { listener, bind } = binder(() => directory[Symbol.dispose]());
  const error = await assertRejects(
    () => listenUnix(path, 0o600, bind),
    Error,
    "ENOENT",
  );
  assertEquals([Reflect.get(error, "code"), listener.closed], ["ENOENT", 1]);
});
