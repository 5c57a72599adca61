import type { LoadOptions } from "../../src/bench/loader.ts";

/** A load of one connection that sends 100 messages of 64 bytes, but for what differs. */
export function loadOptions(options: Partial<LoadOptions> = {}): LoadOptions {
  return {
    addr: { transport: "tcp", hostname: "192.0.2.1", port: 7 },
    connections: 1,
    size: [64, 64],
    messages: 100,
    window: 1,
    churn: false,
    reconnect: false,
    ramp: 0,
    ids: { first: 1, step: 1 },
    warmup: Infinity,
    duration: Infinity,
    drain: 5_000,
    patience: 1_000,
    delay: 0,
    ...options,
  };
}
