import { codeOf, explain } from "../core/error_message.ts";
import type { Output, Runtime } from "../runtimes/runtime.ts";

/** How long to wait before retrying a full stream, in milliseconds. */
const RETRY = 20;

/** Reasons for the commonest errors of a stream, by POSIX name. */
const REASONS: Readonly<Record<string, string>> = {
  EDQUOT: "the disk quota is used up",
  EFBIG: "the file is too large",
  EIO: "input or output error",
  EBADF: "it is not open for writing",
};

/** Writes the whole text, however slow the reader is. Rejects if the reader has gone. */
export async function writeText(output: Output, text: string): Promise<void> {
  let rest = new TextEncoder().encode(text);
  while (rest.length > 0) {
    try {
      rest = rest.subarray(await output.write(rest));
    } catch (error) {
      // A full stream is tried again.
      if (codeOf(error) !== "EAGAIN") throw error;
      await new Promise((resolve) => setTimeout(resolve, RETRY));
    }
  }
}

/**
 * Writes to standard output what the program was asked for. A reader that has
 * gone wants no more of it. Returns false, after a line on standard error that
 * says why, when it cannot be written for another reason.
 */
export async function printText(
  { stdout, stderr }: Runtime,
  text: string,
): Promise<boolean> {
  try {
    await writeText(stdout, text);
    return true;
  } catch (error) {
    if (codeOf(error) === "EPIPE") return true;
    const reason = explain(error, REASONS);
    await tellText(stderr, `Cannot write to standard output: ${reason}\n`);
    return false;
  }
}

/** Writes the whole text, unless the reader has gone. */
export function tellText(output: Output, text: string): Promise<void> {
  return writeText(output, text).catch(() => {});
}
