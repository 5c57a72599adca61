/** How long JSR may take to answer, in milliseconds. */
const PATIENCE = 300;
/** Whether this is the source, and not a bundle. */
const IS_SOURCE = import.meta.url.endsWith(".ts");

/**
 * Loads a module from JSR. Resolves with undefined on Node and Bun, in a compiled
 * executable, in the package for npm, and if JSR does not deliver it in time.
 *
 * Deno fetches a module that is imported by a literal specifier before the first
 * line runs, for minutes if a firewall drops the packets. The specifier that
 * comes here is resolved only when it is imported.
 *
 * @param specifier The module, for example `jsr:@std/cli@^1/parse-args`.
 */
export async function loadFromJsr<T>(
  specifier: string,
): Promise<T | undefined> {
  if (!("Deno" in globalThis) || Deno.build.standalone || !IS_SOURCE) {
    return undefined;
  }
  let timer;
  const patience = new Promise<undefined>((resolve) => {
    timer = setTimeout(resolve, PATIENCE, undefined);
  });
  try {
    return await Promise.race([import(specifier), patience]);
  } catch {
    return undefined;
  } finally {
    clearTimeout(timer);
  }
}
