import { parsePlainEndpoint } from "../listen/endpoint.ts";
import { LONGEST_TIME } from "../core/serve_options.ts";
import type { ConnectOptions } from "./connect.ts";
import type { LoadOptions } from "./loader.ts";
import type { BenchOptions } from "./bench_options.ts";

/** The largest message, in bytes. */
export const LARGEST = 1024 ** 3;
/** The largest datagram, in bytes. */
export const LARGEST_DATAGRAM = 65_507;

/** The smallest and the largest size of a read, in bytes. */
const CHUNK = { least: 1024, most: 64 * 1024 };

/** The percentiles that are shown unless others are asked for. */
const PERCENTILES: readonly number[] = [50, 90, 99, 99.9, 99.99];
/** How many percentiles can be asked for. */
const MOST_PERCENTILES = 20;

/** The complete and checked options. */
export interface Plan {
  readonly load: LoadOptions;
  readonly connector: ConnectOptions;
  /** Milliseconds; Infinity where only messages are counted. */
  readonly duration: number;
  /** Milliseconds. */
  readonly timeout: number;
  readonly workers: number;
  /** Per cent. */
  readonly percentiles: readonly number[];
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
    reconnect = false,
    ramp = 0,
    warmup = messages === undefined ? 1_000 : 0,
    workers = 1,
    proxyProtocol,
    ca,
    insecure = false,
    percentiles = PERCENTILES,
    signal,
    drainSignal,
    onProgress,
  } = options;
  const addr = parsePlainEndpoint(endpoint);
  const isUdp = addr.transport === "udp";
  const { timeout = isUdp ? 1_000 : 10_000 } = options;
  const { drain = isUdp ? Math.max(timeout + 1_000, 5_000) : 5_000 } = options;
  const [least, most] = typeof size === "number" ? [size, size] : rangeOf(size);

  checkWhole("connections", connections);
  const largest = isUdp ? LARGEST_DATAGRAM : LARGEST;
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
  if (proxyProtocol !== undefined) {
    checkWhole("proxyProtocol", proxyProtocol, 2);
    if (isUdp) {
      throw new TypeError(
        "Cannot bench: proxyProtocol needs an endpoint with connections: tcp://, tls:// or unix://",
      );
    }
  }

  refuse("rate", rate, "window", options.window);
  refuse("churn", churn || undefined, "window", options.window);
  refuse("churn", churn || undefined, "reconnect", reconnect || undefined);
  refuse("churn", churn || undefined, "ramp", options.ramp);
  checkType("churn", churn, "boolean");
  checkType("reconnect", reconnect, "boolean");
  if (ramp !== 0) checkNumber("ramp", ramp, LONGEST_TIME);
  checkType("insecure", insecure, "boolean");
  refuse("ca", ca, "insecure", insecure || undefined);
  checkPercentiles(percentiles);
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
      reconnect,
      ramp,
      ids: { first: 1, step: 1 },
      warmup,
      duration,
      drain,
      patience: isUdp ? timeout : 1_000,
      delay: 0,
    },
    connector: {
      chunkSize: Math.min(
        // A datagram that is longer than it was is to be seen as such.
        Math.max(isUdp ? 2 * most : most * window, CHUNK.least),
        CHUNK.most,
      ),
      ca,
      insecure: insecure && addr.transport === "tls",
      proxyProtocol,
      timeout,
    },
    duration,
    timeout,
    workers: Math.min(workers, messages ?? Infinity),
    percentiles: [...percentiles],
  };
}

function rangeOf(size: readonly [number, number]): readonly [number, number] {
  if (Array.isArray(size) && size.length === 2) return size;
  throw new TypeError(
    "Cannot bench: size must be a number, or an array of the least and the most",
  );
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

function checkPercentiles(percentiles: readonly number[]): void {
  const isList = Array.isArray(percentiles) && percentiles.length > 0 &&
    percentiles.length <= MOST_PERCENTILES &&
    percentiles.every((percent) => typeof percent === "number");
  if (!isList) {
    throw new TypeError(
      `Cannot bench: percentiles must be 1 to ${MOST_PERCENTILES} numbers`,
    );
  }
  const wrong = percentiles.find((percent) => !(percent > 0 && percent < 100));
  if (wrong !== undefined) {
    throw new RangeError(
      `Cannot bench: percentiles must be more than 0 and less than 100, but one is ${wrong}`,
    );
  }
}

function checkSignal(name: string, value: AbortSignal | undefined): void {
  // Not by its class, as test runners give each file a realm of its own.
  if (value === undefined) return;
  if (typeof value?.addEventListener === "function") return;
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
