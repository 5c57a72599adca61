import { hostOf } from "./ip.ts";
import type { Addr } from "./transport.ts";

/**
 * Why a client was refused:
 *
 * - `"denied"`: `admit` said so;
 * - `"per-host"`: its host has `maxConnectionsPerHost` connections already.
 */
export type RefuseReason = "denied" | "per-host";

/** Who may come in. */
export interface AdmissionOptions {
  /**
   * Whether a client may come in, by its address; the others are closed before
   * a byte is read. What it throws keeps the client out, and reaches `onError`.
   * Everybody may by default.
   */
  readonly admit?: ((remoteAddr: Addr) => boolean) | undefined;
  /**
   * How many connections one remote host may have at the same time, at least 1:
   * an IPv4 address, or the /64 network of an IPv6 address. Further ones are
   * closed before a byte is read. Unix sockets have no host, and no such limit.
   *
   * @default {Infinity}
   */
  readonly maxConnectionsPerHost?: number | undefined;
}

/** Decides who may come in, and remembers from where they came. */
export class Admission {
  readonly #options: AdmissionOptions;
  /** How many connections a host has; none that has none. */
  readonly #inside = new Map<string, number>();

  constructor(options: AdmissionOptions) {
    this.#options = options;
  }

  /** The number of hosts that have connections; only counted with a limit. */
  get hosts(): number {
    return this.#inside.size;
  }

  /** Lets a client in, or says why not. */
  enter(remoteAddr: Addr): RefuseReason | undefined {
    const { admit, maxConnectionsPerHost } = this.#options;
    if (admit && !admit(remoteAddr)) return "denied";
    if (maxConnectionsPerHost === undefined || "path" in remoteAddr) return;
    const host = hostOf(remoteAddr.hostname);
    const count = this.#inside.get(host) ?? 0;
    if (count >= maxConnectionsPerHost) return "per-host";
    this.#inside.set(host, count + 1);
  }

  /** Takes leave of a client that was let in. */
  leave(remoteAddr: Addr): void {
    if (this.#inside.size === 0 || "path" in remoteAddr) return;
    const host = hostOf(remoteAddr.hostname);
    const count = this.#inside.get(host) ?? 0;
    if (count > 1) this.#inside.set(host, count - 1);
    else this.#inside.delete(host);
  }
}
