/** What a load says of servers whose truth is known. */
import { Histogram } from "../../src/bench/histogram.ts";
import { summarize } from "../../src/bench/latencies.ts";
import { Load } from "../../src/bench/load.ts";
import type { LoadOptions } from "../../src/bench/loader.ts";
import type {
  Connector,
  Socket,
  SocketHandler,
} from "../../src/runtimes/connector.ts";
import { assert, assertEquals } from "../helpers/assert.ts";
import { FakeClock } from "../helpers/fake_clock.ts";

/** How far the clock goes at once, in milliseconds: with a rate, timers are not all there is. */
const STEP = { closed: 100, rate: 10 };

/** A server that echoes each message after a time that is told from its number and from now. */
class TimedServer implements Connector {
  readonly #delay: (number: number, now: number) => number;
  #number = 0;

  constructor(delay: (number: number, now: number) => number) {
    this.#delay = delay;
  }

  connect(_: unknown, handler: SocketHandler): Promise<Socket> {
    return Promise.resolve({
      write: (bytes, from, to) => {
        const echo = bytes.slice(from, to);
        const delay = this.#delay(this.#number++, performance.now());
        setTimeout(() => handler.onData(echo, echo.length), delay);
        return to - from;
      },
      close() {},
    });
  }
}

/** Loads such a server for so many milliseconds, and sums up. */
async function load(
  delay: (number: number, now: number) => number,
  duration: number,
  options: Partial<LoadOptions> = {},
) {
  using clock = new FakeClock();
  const times = new Histogram();
  const load = new Load(new TimedServer(delay), {
    addr: { transport: "tcp", hostname: "192.0.2.1", port: 7 },
    connections: 1,
    size: [64, 64],
    messages: Infinity,
    window: 1,
    churn: false,
    reconnect: false,
    ramp: 0,
    ids: { first: 1, step: 1 },
    warmup: 0,
    duration,
    drain: 5_000,
    patience: 1_000,
    delay: 0,
    ...options,
  }, (_, total) => times.record(total));
  const step = options.rate === undefined ? STEP.closed : STEP.rate;
  await load.open();
  load.count();
  load.start();
  while (clock.now < duration) {
    await clock.advance(step);
    clock.turn();
  }
  let isOver = false;
  const stopped = load.stop().then(() => isOver = true);
  while (!isOver) await clock.advance(step);
  await stopped;
  assertEquals([load.faults.total, clock.timers], [0, 0]);
  const { messages, sent } = load.tally();
  assertEquals([messages, sent], [times.count, times.count]);
  return { times, messages, ...summarize(times) };
}

/** The number of milliseconds until a stall ends: of the last 600 of every 2,000. */
function stall(now: number): number {
  const place = now % 2_000;
  return place < 1_400 ? 0 : 2_000 - place;
}

Deno.test("A constant delay is every percentile", async () => {
  const { messages, min, mean, p50, p99, max, deviation } = await load(
    () => 20,
    3_000,
  );
  assertEquals([min, mean, max, deviation], [20_000, 20_000, 20_000, 0]);
  assertEquals([p50, p99], [20_000, 20_000]);
  assert(messages >= 150 && messages <= 151);
});

Deno.test("1 % at 100 ms is beyond the p99, and no more", async () => {
  // Over many connections, so that nobody waits for another one.
  const { messages, p50, p90, p99_9, max, times } = await load(
    (number) => number % 100 === 50 ? 100 : 5,
    1_000,
    { connections: 200, rate: 1_000 },
  );
  assertEquals(messages, 1_000);
  assert((p50 ?? 0) >= 5_000 && (p90 ?? 0) <= 15_000);
  assert((times.percentile(98.9) ?? 0) <= 15_000);
  assert((times.percentile(99.1) ?? 0) >= 100_000);
  assert((p99_9 ?? 0) >= 100_000 && (max ?? 0) <= 110_000);
});

Deno.test("A stall shows once in a closed loop", async () => {
  const { times, max } = await load(
    (_, now) => Math.max(stall(now), 20),
    4_000,
  );
  assertEquals(max, 600_000);
  // Two stalls among 140 messages and two.
  assert(times.count >= 142 && times.count <= 144, `${times.count}`);
  assert((times.percentile(98) ?? 0) <= 20_020);
});

Deno.test("A stall shows in every message that is due meanwhile, with a rate", async () => {
  const { times, messages, max } = await load(
    (_, now) => stall(now),
    4_000,
    { connections: 20, rate: 100 },
  );
  assertEquals(messages, 400);
  assert((max ?? 0) >= 590_000 && (max ?? 0) <= 610_000);
  // 30 % of the time it stalls: half of these wait for more than 300 ms.
  assert((times.percentile(69) ?? 0) <= 20_000);
  assert(Math.abs((times.percentile(85) ?? 0) - 300_000) <= 20_000);
});
