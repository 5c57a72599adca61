import type { Output } from "../runtime.ts";

/** Writes the whole text. Rejects when nobody can read it any more. */
// deno-lint-ignore require-await -- so that what is thrown rejects
export async function writeText(output: Output, text: string): Promise<void> {
  output.write(text);
}
