/**
 * Throws a TypeError if `options` is not an object, or has a key that is none of
 * `names`: a misspelt option would otherwise be ignored. `action` begins the
 * message, for example "Cannot serve".
 */
export function checkNames(
  action: string,
  options: unknown,
  names: readonly string[],
): void {
  if (typeof options !== "object" || options === null) {
    throw new TypeError(
      `${action}: the options must be an object, but are ${String(options)}`,
    );
  }
  for (const name of Object.keys(options)) {
    if (!names.includes(name)) {
      throw new TypeError(
        `${action}: there is no option ${name}, but ${names.join(", ")}`,
      );
    }
  }
}
