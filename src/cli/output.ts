import type { Output } from "../runtimes/runtime.ts";

/** How long until a stream that is full is tried again, in milliseconds. */
const RETRY = 20;

/** Writes the whole text, however long nobody reads it. Rejects when nobody can any more. */
export async function writeText(output: Output, text: string): Promise<void> {
  let rest = new TextEncoder().encode(text);
  while (rest.length > 0) {
    try {
      rest = rest.subarray(await output.write(rest));
    } catch (error) {
      if (!isFull(error)) throw error;
      await new Promise((resolve) => setTimeout(resolve, RETRY));
    }
  }
}

function isFull(error: unknown): boolean {
  return error instanceof Error && "code" in error && error.code === "EAGAIN";
}
