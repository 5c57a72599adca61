/** Reasons for errors of the system, by POSIX name, the same on every runtime. */
const REASONS: Readonly<Record<string, string>> = {
  EACCES: "permission denied",
  EADDRINUSE: "address already in use",
  EADDRNOTAVAIL: "not an address of this machine",
  EAFNOSUPPORT: "this system has no such kind of address",
  EAI_AGAIN: "the name cannot be looked up for now",
  ECONNABORTED: "connection broken off",
  ECONNREFUSED: "connection refused",
  ECONNRESET: "connection reset",
  EHOSTDOWN: "that host is down",
  EHOSTUNREACH: "no way to that host",
  EINVAL: "invalid argument",
  EISDIR: "a directory",
  ELOOP: "too many symbolic links",
  EMFILE: "too many open files (ulimit -n)",
  EMSGSIZE: "message too long",
  ENAMETOOLONG: "name too long",
  ENETDOWN: "the network is down",
  ENETUNREACH: "no way to that network",
  ENFILE: "too many open files on this machine",
  ENOBUFS: "out of memory for sockets",
  ENODEV: "no such device",
  ENOENT: "no such file or directory",
  ENOMEM: "out of memory",
  ENOSPC: "no space left on the device",
  ENOTDIR: "not a directory",
  ENOTFOUND: "no such host",
  ENOTSOCK: "not a socket",
  EPERM: "operation not permitted",
  EPIPE: "connection reset",
  EPROTOTYPE: "a socket of another kind",
  EROFS: "read-only file system",
  ETIMEDOUT: "no answer",
};

/** Codes of a failed look-up, except the one for a name that does not exist. */
const LOOKUPS: ReadonlySet<string> = new Set(["EAI_AGAIN", "EPERM", "EACCES"]);

/**
 * The POSIX name of an error of the system, or undefined. All that the runtimes
 * say of a name that they cannot look up is `ENOTFOUND`.
 */
export function codeOf(error: unknown): string | undefined {
  try {
    return readCode(error);
  } catch {
    // Anything can be thrown, also what throws when it is looked at.
    return undefined;
  }
}

function readCode(error: unknown): string | undefined {
  if (typeof error !== "object" || error === null) return undefined;
  if (!("code" in error) || typeof error.code !== "string") return undefined;
  const { code } = error;
  if ("syscall" in error && error.syscall === "getaddrinfo") {
    return LOOKUPS.has(code) ? code : "ENOTFOUND";
  }
  return /^E[A-Z\d]+$|^EAI_AGAIN$/.test(code) ? code : undefined;
}

/** Returns the reason for an error of the system; undefined for any other error. */
export function reasonOf(error: unknown): string | undefined {
  return REASONS[codeOf(error) ?? ""];
}

/**
 * Returns the reason for an error: in words for an error of the system, otherwise
 * its message. `own` has the reasons that differ here, by POSIX name.
 */
export function explain(
  error: unknown,
  own: Readonly<Record<string, string>> = {},
): string {
  if (!isError(error)) return String(error);
  // Deno's own permissions: it says which one is missing.
  if (error.name === "NotCapable") return error.message;
  // It has been explained already, where it was made.
  if (error.cause !== undefined) return error.message;
  // Only Deno forbids to look up a name.
  if ("syscall" in error && error.syscall === "getaddrinfo") {
    own = { EPERM: "permission denied, run again with the --allow-net flag" };
  }
  return own[codeOf(error) ?? ""] ?? reasonOf(error) ?? error.message;
}

/** Reports whether a value is an error, of this realm or of another one. */
export function isError(value: unknown): value is Error {
  return typeof value === "object" && value !== null && "message" in value &&
    typeof value.message === "string" && "name" in value;
}
