import { cpSync } from "node:fs";
import { assert, assertEquals } from "../helpers/assert.ts";
import { TemporaryDirectory } from "../helpers/certificates.ts";
import { missing } from "../helpers/commands.ts";

const UNITS = ["echod.service", "echod.socket"];
const SERVICE = "deploy/systemd/echod.service";
/** Most of what the service may be exposed to, of 10. */
const MOST = 2;

const lacking = missing("systemd-analyze");

function test(name: string, fn: () => Promise<void>): void {
  const reason = lacking.length > 0 ? " (without systemd-analyze)" : "";
  Deno.test({ name: name + reason, ignore: lacking.length > 0, fn });
}

/** Runs systemd-analyze. */
async function analyze(...args: string[]) {
  const { code, stdout, stderr } = await new Deno.Command("systemd-analyze", {
    args,
  }).output();
  const decoder = new TextDecoder();
  return {
    code,
    stdout: decoder.decode(stdout),
    stderr: decoder.decode(stderr),
  };
}

/** Verifies units as they were in a system with echod. */
async function verify(change = (text: string) => text) {
  using directory = new TemporaryDirectory();
  const root = directory.file("root");
  cpSync("/usr/lib/systemd/system", `${root}/usr/lib/systemd/system`, {
    recursive: true,
    verbatimSymlinks: true,
  });
  for (const path of ["/usr/local/bin/echod", "/bin/kill"]) {
    await Deno.mkdir(root + path.replace(/[^/]*$/, ""), { recursive: true });
    await Deno.writeTextFile(root + path, "", { mode: 0o755 });
  }
  const folder = `${root}/etc/systemd/system`;
  await Deno.mkdir(folder, { recursive: true });
  for (const unit of UNITS) {
    const text = await Deno.readTextFile(`deploy/systemd/${unit}`);
    await Deno.writeTextFile(`${folder}/${unit}`, change(text));
  }
  const { code, stderr } = await analyze("verify", `--root=${root}`, ...UNITS);
  return { code, stderr };
}

test("systemd finds nothing wrong with its units", async () => {
  assertEquals(await verify(), { code: 0, stderr: "" });
  const { stderr } = await verify((text) =>
    text.replace("ProtectHome=", "ProtectHom=")
  );
  assert(stderr.includes("Unknown key"), stderr);
});

test("systemd finds its service hardly exposed", async () => {
  const { code, stdout, stderr } = await analyze(
    "security",
    "--offline=true",
    `--threshold=${MOST * 10}`,
    SERVICE,
  );
  assertEquals([code, stderr], [0, ""]);
  const [, level] = /exposure level for echod\.service: ([\d.]+)/
    .exec(stdout) ?? [];
  assert(Number(level) <= MOST, stdout);
});

test("The time to stop the service is longer than its grace, and what follows it", async () => {
  const text = await Deno.readTextFile(SERVICE);
  const [, grace] = /^ExecStart=.* --grace (\d+)s /m.exec(text) ?? [];
  const [, stop] = /^TimeoutStopSec=(\d+)s$/m.exec(text) ?? [];
  assert(Number(stop) >= Number(grace) + 2, text);
});
