import { Feed } from "../../src/admin/feed.ts";
import { Surveyor } from "../../src/admin/connections.ts";
import type { Source } from "../../src/admin/source.ts";
import { memoryListener, serve } from "../../mod.ts";
import { assertEquals } from "../helpers/assert.ts";
import { FakeClock, settled } from "../helpers/fake_clock.ts";

/** A feed of a server in memory, and somebody who watches it. */
class Fixture implements AsyncDisposable {
  readonly listener = memoryListener();
  readonly server = serve(this.listener);
  readonly surveyor = new Surveyor(this.server);
  /** How often the source was asked. */
  surveys = 0;
  readonly source: Source = {
    stats: () => this.server.stats(),
    connections: () => Promise.resolve([]),
    survey: (limit) => {
      this.surveys++;
      return Promise.resolve(this.surveyor.survey(limit));
    },
    delays: () => ({ p50: 1, p99: 2, stalled: 0 }),
    limits: [["--max-bytes", "5 B"]],
    notes: new Map([["unix://", "delay=1ms"]]),
  };
  readonly feed = new Feed(this.source);

  /** Watches; what is sent goes to `received`, unless it is stopped. */
  watch() {
    const gone = new AbortController();
    const received: string[] = [];
    const viewer = { received, gone, wait: Promise.resolve() };
    this.feed.watch(async (text) => {
      received.push(text);
      await viewer.wait;
    }, gone.signal);
    return viewer;
  }

  async [Symbol.asyncDispose]() {
    await this.server.close();
  }
}

/** The data of an event. */
function dataOf(event = "") {
  return JSON.parse(/^data: (.*)\n\n$/m.exec(event)?.[1] ?? "null");
}

Deno.test("The feed tells who watches the limits, and once a second the numbers", async () => {
  using clock = new FakeClock();
  const fixture = new Fixture();
  const { readable, writable } = fixture.listener.connect();
  await settled();
  const { received, gone } = fixture.watch();
  await settled();
  assertEquals(received.length, 2);
  assertEquals(
    received[0],
    'retry: 1000\nevent: about\ndata: {"limits":[["--max-bytes","5 B"]]}\n\n',
  );
  const first = dataOf(received[1]);
  assertEquals([first.active, first.fairness, first.p99], [1, null, 2]);
  const endpoint = "unix://unix:";
  assertEquals(first.endpoints, [
    { endpoint, accepted: 1, active: 1, bytes: 0 },
  ]);
  assertEquals(first.connections, [[1, "unix:", endpoint, 0, 0, 0]]);

  writable.getWriter().write(new Uint8Array(500));
  await readable.getReader().read();
  await clock.advance(1_000);
  assertEquals(received.length, 3);
  const second = dataOf(received[2]);
  assertEquals([second.at - first.at, second.bytes], [1_000, 500]);
  const rate = 500;
  assertEquals(second.fairness, {
    busy: 1,
    least: rate,
    median: rate,
    most: rate,
  });
  gone.abort();
  await fixture.server.close();
});

Deno.test("Nothing is done while nobody watches", async () => {
  using clock = new FakeClock();
  const fixture = new Fixture();
  await clock.advance(5_000);
  assertEquals([fixture.surveys, clock.timers], [0, 0]);
  const [one, other] = [fixture.watch(), fixture.watch()];
  await clock.advance(3_000);
  // Made once for both.
  assertEquals(fixture.surveys, 4);
  assertEquals([one.received.length, other.received.length], [5, 5]);
  one.gone.abort();
  await clock.advance(1_000);
  other.gone.abort();
  await settled();
  assertEquals(clock.timers, 0);
  await clock.advance(5_000);
  assertEquals([fixture.surveys, one.received.length], [5, 5]);
  await fixture.server.close();
});

Deno.test("Who is slow gets the newest numbers, and delays nobody", async () => {
  using clock = new FakeClock();
  const fixture = new Fixture();
  const [slow, quick] = [fixture.watch(), fixture.watch()];
  await settled();
  const { promise, resolve } = Promise.withResolvers<void>();
  slow.wait = promise;
  await clock.advance(3_000);
  assertEquals([slow.received.length, quick.received.length], [3, 5]);
  resolve();
  slow.wait = Promise.resolve();
  await clock.advance(1_000);
  assertEquals(dataOf(slow.received.at(-1)), dataOf(quick.received.at(-1)));
  slow.gone.abort();
  quick.gone.abort();
  await fixture.server.close();
});

Deno.test("A number of viewers is enough", async () => {
  using _clock = new FakeClock();
  const fixture = new Fixture();
  const viewers = Array.from({ length: 16 }, () => {
    assertEquals(fixture.feed.isFull, false);
    return fixture.watch();
  });
  assertEquals(fixture.feed.isFull, true);
  for (const { gone } of viewers) gone.abort();
  await settled();
  assertEquals(fixture.feed.isFull, false);
  await fixture.server.close();
});

Deno.test("Fairness is about the busy, and not about newcomers or the past", async () => {
  using clock = new FakeClock();
  const listener = memoryListener();
  const server = serve(listener);
  const surveyor = new Surveyor(server);
  const clients = Array.from({ length: 3 }, () => listener.connect());
  await settled();
  const writers = clients.map(({ writable }) => writable.getWriter());
  const readers = clients.map(({ readable }) => readable.getReader());
  const echo = async (index: number, bytes: number) => {
    writers[index]?.write(new Uint8Array(bytes));
    await readers[index]?.read();
    await settled();
  };
  await echo(0, 10);
  assertEquals(surveyor.survey(5).rates, []);
  await echo(0, 100);
  await echo(1, 50);
  const { writable, readable } = listener.connect();
  writable.getWriter().write(new Uint8Array(9));
  await readable.getReader().read();
  clock.now += 500;
  const { rates, connections } = surveyor.survey(2);
  assertEquals(rates, [200, 100]);
  assertEquals(connections.map(({ id }) => id), [4, 3]);
  await echo(0, 10);
  clock.now += 60_000;
  assertEquals(surveyor.survey(5).rates, []);
  await server.close();
});
