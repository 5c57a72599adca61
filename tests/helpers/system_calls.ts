/**
 * Runs a program in which a system call fails with an error, by a seccomp filter
 * for x86-64: if its argument at that offset has that value.
 */
const FILTER = `
import ctypes, os, struct, sys
call, offset, value, error = map(int, sys.argv[1:5])
steps = [(0x20, 0, 0, 0), (0x15, 0, 3, call), (0x20, 0, 0, offset),
  (0x15, 0, 1, value), (6, 0, 0, 0x50000 | error), (6, 0, 0, 0x7fff0000)]
code = b"".join(struct.pack("HBBI", *step) for step in steps)
buffer = ctypes.create_string_buffer(code)
program = struct.pack("HxxxxxxQ", len(steps), ctypes.addressof(buffer))
libc = ctypes.CDLL(None)
if libc.prctl(38, 1, 0, 0, 0) or libc.prctl(22, 2, program, 0, 0): sys.exit(1)
os.execvp(sys.argv[5], sys.argv[5:])
`;

/** A system call that is to fail. */
export interface Failing {
  /** The call's number. */
  readonly call: number;
  /** Which of its arguments is looked at, from 0. */
  readonly argument: number;
  /** The value of that argument with which it fails. */
  readonly value: number;
  /** The number of the error. */
  readonly error: number;
}

/** The arguments of python3 that run a program so that system calls fail. */
export function failing(
  { call, argument, value, error }: Failing,
  program: readonly string[],
): string[] {
  const numbers = [call, 16 + 8 * argument, value, error].map(String);
  return ["-c", FILTER, ...numbers, ...program];
}

const { state } = await Deno.permissions.query({ name: "run" });

/** Whether system calls can be made to fail here. */
export const canFail: boolean = state === "granted" &&
  Deno.build.os === "linux" && Deno.build.arch === "x86_64" && succeeds();

function succeeds(): boolean {
  const nothing = { call: 0, argument: 0, value: -1 >>> 0, error: 1 };
  try {
    const args = failing(nothing, ["true"]);
    return new Deno.Command("python3", { args }).outputSync().success;
  } catch {
    return false;
  }
}
