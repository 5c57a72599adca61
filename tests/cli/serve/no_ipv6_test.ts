import { assert, assertEquals } from "../../helpers/assert.ts";
import { Program, testProgram } from "../../helpers/program.ts";
import { RUNTIMES } from "../../helpers/runtimes.ts";

/**
 * Runs a program in which socket(AF_INET6) fails with EAFNOSUPPORT (97), by a
 * seccomp filter for x86-64, where socket is system call 41.
 */
const WITHOUT_IPV6 = `
import ctypes, os, struct, sys
steps = [(0x20, 0, 0, 0), (0x15, 0, 3, 41), (0x20, 0, 0, 16),
  (0x15, 0, 1, 10), (6, 0, 0, 0x50000 | 97), (6, 0, 0, 0x7fff0000)]
code = b"".join(struct.pack("HBBI", *step) for step in steps)
buffer = ctypes.create_string_buffer(code)
program = struct.pack("HxxxxxxQ", len(steps), ctypes.addressof(buffer))
libc = ctypes.CDLL(None)
if libc.prctl(38, 1, 0, 0, 0) or libc.prctl(22, 2, program, 0, 0): sys.exit(1)
os.execvp(sys.argv[1], sys.argv[1:])
`;

const { state } = await Deno.permissions.query({ name: "run" });
const possible = state === "granted" && Deno.build.os === "linux" &&
  Deno.build.arch === "x86_64" && canFilter();

function canFilter(): boolean {
  try {
    const args = ["-c", WITHOUT_IPV6, "true"];
    return new Deno.Command("python3", { args }).outputSync().success;
  } catch {
    return false;
  }
}

testProgram(
  "every address is 0.0.0.0 without IPv6",
  async ({ command, args }) => {
    const endpoints = ["tcp://:0", "udp://:0", "tcp://[::]:0"];
    for (const more of [[], ["--workers", "2"]]) {
      // Deno shares a port only with this flag, and has to read the worker.
      const [run, ...rest] = args;
      const flags = run && more.length > 0
        ? [run, ...rest, "--unstable-net", "--allow-read"]
        : args;
      const served = more.length > 0 ? endpoints.slice(0, 1) : endpoints;
      await using program = new Program("python3", [
        "-c",
        WITHOUT_IPV6,
        command,
        ...flags,
        "mod.ts",
        ...served,
        ...more,
      ]);
      await program.line(/^Listening on/);
      while (listening(program).length < served.length) {
        await new Promise((resolve) => setTimeout(resolve, 1));
      }
      assertEquals(
        listening(program).map((line) => line.replace(/\d+$/, "")),
        served.map((url) => `Listening on ${url.slice(0, 6)}0.0.0.0:`),
      );
      program.signal("SIGTERM");
      assert((await program.ended()).code === 0);
    }
  },
  possible ? RUNTIMES : [],
);

function listening({ lines }: Program): string[] {
  return lines.filter((line) => line.startsWith("Listening on"));
}
