import type { ConnectorOptions } from "../runtimes/connector.ts";
import { parsePlainEndpoint } from "../listen/endpoint.ts";
import { LONGEST_TIME } from "../core/serve_options.ts";
import type { LoadOptions } from "./load.ts";
import type { BenchOptions } from "./types.ts";

/** The largest message, in bytes. */
export const LARGEST = 1024 ** 3;
/** The largest datagram, in bytes. */
export const LARGEST_DATAGRAM = 65_507;

/** The smallest and the largest size of a read, in bytes. */
const CHUNK = { least: 1024, most: 64 * 1024 };

/** The complete and checked options. */
export interface Plan {
  readonly load: LoadOptions;
  readonly connector: ConnectorOptions;
  /** Milliseconds; Infinity where only messages are counted. */
  readonly duration: number;
  /** Milliseconds. */
  readonly warmup: number;
  readonly workers: number;
}

/** The options, with certificates that have been checked. */
export interface CheckedOptions extends Omit<BenchOptions, "ca"> {
  /** Certificates, in PEM. */
  readonly ca?: string | undefined;
}

/** Checks the options. Throws a TypeError, a RangeError or a SyntaxError. */
export function readOptions(options: CheckedOptions): Plan {
  const {
    endpoint,
    connections = 10,
    size = 64,
    messages,
    duration = messages === undefined ? 10_000 : Infinity,
    rate,
    window = 1,
    churn = false,
    timeout = 10_000,
    drain = 5_000,
    warmup = messages === undefined ? 1_000 : 0,
    workers = 1,
    ca,
    insecure = false,
    signal,
    drainSignal,
    onProgress,
  } = options;
  const addr = parsePlainEndpoint(endpoint);
  const [least, most] = typeof size === "number" ? [size, size] : size;

  checkWhole("connections", connections);
  const largest = addr.transport === "udp" ? LARGEST_DATAGRAM : LARGEST;
  checkWhole("size", least, largest);
  checkWhole("size", most, largest);
  if (least > most) {
    throw new RangeError(
      "Cannot bench: size must be from the least to the most",
    );
  }
  if (messages !== undefined) checkWhole("messages", messages);
  if (duration !== Infinity) checkNumber("duration", duration, LONGEST_TIME);
  if (rate !== undefined) checkNumber("rate", rate, Number.MAX_VALUE);
  checkWhole("window", window);
  if (warmup !== 0) checkNumber("warmup", warmup, LONGEST_TIME);
  checkNumber("timeout", timeout, LONGEST_TIME);
  if (drain !== 0) checkNumber("drain", drain, LONGEST_TIME);
  checkWhole("workers", workers, connections);

  refuse("rate", rate, "window", options.window);
  refuse("rate", rate, "churn", churn || undefined);
  refuse("churn", churn || undefined, "window", options.window);
  checkType("churn", churn, "boolean");
  checkType("insecure", insecure, "boolean");
  refuse("ca", ca, "insecure", insecure || undefined);
  if (onProgress !== undefined) checkType("onProgress", onProgress, "function");
  checkSignal("signal", signal);
  checkSignal("drainSignal", drainSignal);

  return {
    load: {
      addr,
      connections,
      size: [least, most],
      messages: messages ?? Infinity,
      rate,
      window,
      churn,
      ids: { first: 1, step: 1 },
      duration,
      drain,
      delay: 0,
    },
    connector: {
      chunkSize: Math.min(Math.max(most * window, CHUNK.least), CHUNK.most),
      ca,
      insecure: insecure && addr.transport === "tls",
      timeout,
    },
    duration,
    warmup,
    workers: Math.min(workers, messages ?? Infinity),
  };
}

function checkWhole(
  name: string,
  value: number,
  most = Number.MAX_SAFE_INTEGER,
): void {
  if (!Number.isInteger(value)) {
    throw new TypeError(
      `Cannot bench: ${name} must be a whole number, but is ${value}`,
    );
  }
  if (value < 1 || value > most) {
    throw new RangeError(
      `Cannot bench: ${name} must be 1 to ${most}, but is ${value}`,
    );
  }
}

function checkNumber(name: string, value: number, most: number): void {
  checkType(name, value, "number");
  if (!(value > 0 && value <= most)) {
    throw new RangeError(
      `Cannot bench: ${name} must be more than 0 and at most ${most}, but is ${value}`,
    );
  }
}

function checkSignal(name: string, value: AbortSignal | undefined): void {
  if (value === undefined || value instanceof AbortSignal) return;
  throw new TypeError(`Cannot bench: ${name} must be an AbortSignal`);
}

function checkType(name: string, value: unknown, type: string): void {
  const actual: string = typeof value;
  if (actual !== type) {
    throw new TypeError(
      `Cannot bench: ${name} must be a ${type}, but is ${value}`,
    );
  }
}

function refuse(a: string, one: unknown, b: string, other: unknown): void {
  if (one === undefined || other === undefined) return;
  throw new TypeError(
    `Cannot bench: ${a} and ${b} are given, but only one of them is accepted`,
  );
}
