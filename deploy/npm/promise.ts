/**
 * What Node 20 and 22 lack. In the package, these stand for the functions whose
 * names they have.
 *
 * @module
 */
export { attempt as "Promise.try", withResolvers as "Promise.withResolvers" };

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
