import { hostOf } from "./ip.ts";
import type { Addr } from "./transport.ts";

/**
 * Why a client was refused:
 *
 * - `"denied"`: `admit` did not return true;
 * - `"per-host"`: its host has `maxConnectionsPerHost` connections already.
 */
export type RefuseReason = "denied" | "per-host";

/** Options that decide which clients are admitted. */
export interface AdmissionOptions {
  /**
   * Whether a client may come in, by its address; the others are closed before
   * a byte is read. What it throws keeps the client out, and reaches `onError`.
   * Everybody may by default.
   */
  readonly admit?: ((remoteAddr: Addr) => boolean) | undefined;
  /**
   * The number of connections that one host may have at the same time, at least 1.
   * A host is an IPv4 address, or the /64 network of an IPv6 address. Further
   * connections are closed before a byte is read. Unix sockets have no host, and
   * no such limit.
   *
   * @default {Infinity}
   */
  readonly maxConnectionsPerHost?: number | undefined;
}

/** Decides which clients are admitted, and counts the connections of each host. */
export class Admission {
  readonly #options: AdmissionOptions;
  /** The number of connections of each host that has any. */
  readonly #inside = new Map<string, number>();

  constructor(options: AdmissionOptions) {
    this.#options = options;
  }

  /** The number of hosts that have connections; only counted with a limit. */
  get hosts(): number {
    return this.#inside.size;
  }

  /** Admits a client, or returns the reason to refuse it. */
  enter(remoteAddr: Addr): RefuseReason | undefined {
    const { admit, maxConnectionsPerHost } = this.#options;
    if (admit && !isAdmitted(admit(remoteAddr))) return "denied";
    if (maxConnectionsPerHost === undefined || "path" in remoteAddr) return;
    const host = hostOf(remoteAddr.hostname);
    const count = this.#inside.get(host) ?? 0;
    if (count >= maxConnectionsPerHost) return "per-host";
    this.#inside.set(host, count + 1);
  }

  /** Forgets an admitted client whose connection has ended. */
  leave(remoteAddr: Addr): void {
    if (this.#inside.size === 0 || "path" in remoteAddr) return;
    const host = hostOf(remoteAddr.hostname);
    const count = this.#inside.get(host) ?? 0;
    if (count > 1) this.#inside.set(host, count - 1);
    else this.#inside.delete(host);
  }
}

/** Reports what `admit` returned. A promise, which is true to JavaScript, admits nobody. */
function isAdmitted(answer: unknown): boolean {
  if (typeof answer === "boolean") return answer;
  // Its rejection would otherwise be reported as unhandled, and end the process.
  Promise.resolve(answer).catch(() => {});
  throw new TypeError(
    `admit must return true or false, but returned ${
      answer instanceof Promise ? "a promise" : typeof answer
    }`,
  );
}
