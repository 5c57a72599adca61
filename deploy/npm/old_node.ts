/**
 * What versions of Node that the sources cannot run on lack. In the package,
 * these stand for the functions whose names they have.
 *
 * @module
 */
export {
  attempt as "Promise.try",
  parse as "URL.parse",
  withResolvers as "Promise.withResolvers",
};

/** Calls a function; its result, or what it throws, settles the promise. */
function attempt<T>(call: () => T | PromiseLike<T>): Promise<T> {
  return new Promise((resolve) => resolve(call()));
}

function withResolvers<T>(): PromiseWithResolvers<T> {
  let resolve: PromiseWithResolvers<T>["resolve"] = () => {};
  let reject: PromiseWithResolvers<T>["reject"] = () => {};
  const promise = new Promise<T>((...settle) => [resolve, reject] = settle);
  return { promise, resolve, reject };
}

/** Lets Node 18 come as far as to say that it is too old. */
function parse(text: string): URL | null {
  try {
    return new URL(text);
  } catch {
    return null;
  }
}
