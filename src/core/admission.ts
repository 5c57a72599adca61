import { hostOf } from "./ip.ts";
import type { RefuseReason, ServeOptions } from "./serve_options.ts";
import type { Addr } from "./transport.ts";

/** The options that decide which clients are admitted. */
type AdmissionOptions = Pick<ServeOptions, "admit" | "maxConnectionsPerHost">;

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
