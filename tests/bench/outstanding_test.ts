import { Outstanding } from "../../src/bench/outstanding.ts";
import { randomFor } from "../../src/faults/random.ts";
import { assertEquals } from "../helpers/assert.ts";

interface Datagram {
  readonly start: number;
  readonly end: number;
  readonly time: number;
  sentAt: number;
  done: boolean;
}

/** Asserts that the datagrams are known as they are. */
function assertKnown(out: Outstanding, all: readonly Datagram[]): void {
  const oldest = all.findIndex(({ done }) => !done);
  const first = oldest < 0 ? all.length : oldest;
  assertEquals(
    [out.first, out.next, out.count],
    [first, all.length, all.filter(({ done }) => !done).length],
  );
  for (let number = first; number < all.length; number++) {
    const one = all[number];
    if (!one) continue;
    const { start, end, time, sentAt, done } = one;
    assertEquals(
      [
        out.start(number),
        out.size(number),
        out.time(number),
        out.sentAt(number),
        out.isOut(number),
      ],
      [start, end - start, time, sentAt, !done && sentAt >= 0],
    );
    for (const offset of [start, (start + end) >> 1, end - 1]) {
      assertEquals(out.find(offset), number);
    }
  }
  assertEquals([out.isOut(first - 1), out.isOut(all.length)], [false, false]);
  const begin = all[first]?.start ?? all.at(-1)?.end ?? 0;
  assertEquals([out.find(begin - 1), out.find(all.at(-1)?.end ?? 0)], [-1, -1]);
}

Deno.test("Outstanding knows each datagram until all up to it are done", () => {
  const random = randomFor(1);
  const upTo = (most: number) => Math.floor(random() * most);
  const out = new Outstanding();
  const all: Datagram[] = [];
  assertKnown(out, all);
  for (let step = 1; step <= 2_000; step++) {
    const waiting = all.flatMap(({ done }, number) => done ? [] : [number]);
    const number = waiting[upTo(Math.min(waiting.length, 9))];
    const one = number === undefined ? undefined : all[number];
    // Ever more of them to begin with, and ever fewer in the end.
    if (!one || random() < (step < 600 ? 0.6 : 0.3)) {
      const start = all.at(-1)?.end ?? 0;
      const end = start + 2 + upTo(50);
      all.push({ start, end, time: step, sentAt: NaN, done: false });
      out.push(start, end, step);
    } else if (number !== undefined && Number.isNaN(one.sentAt)) {
      one.sentAt = step;
      out.send(number, step);
    } else if (number !== undefined) {
      one.done = true;
      out.finish(number);
    }
    if (step % 10 === 0) assertKnown(out, all);
  }
});

Deno.test("Outstanding finds nothing between datagrams, nor where one has no bytes", () => {
  const out = new Outstanding();
  for (const [start, end] of [[10, 20], [30, 30], [40, 50]] as const) {
    out.push(start, end, 0);
  }
  assertEquals(
    [9, 10, 19, 20, 30, 39, 40, 49, 50].map((offset) => out.find(offset)),
    [-1, 0, 0, -1, -1, -1, 2, 2, -1],
  );
  assertEquals(out.isOut(0), false, "it has not been sent");
  out.send(0, 0);
  assertEquals(out.isOut(0), true);
});
