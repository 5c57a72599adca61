import { type Fault, Faults } from "../../src/bench/faults.ts";
import { Pattern } from "../../src/bench/pattern.ts";
import { Verifier } from "../../src/bench/verifier.ts";
import { randomFor } from "../../src/faults/random.ts";
import { assert, assertEquals } from "../helpers/assert.ts";
import { EXPECTED, FAULTS, type Server } from "../helpers/faulty.ts";

const pattern = new Pattern();
/** A place from which the pattern soon begins anew. */
const START = Pattern.PERIOD - 2_000;
const SENT = 6_400;

/** What is sent, as a faulty server sends it back. */
function echoOf(fault: Server, sent = SENT, start = START): Uint8Array {
  const bytes: number[] = [];
  for (let at = 0; at < sent; at++) {
    const place = (start + at) % Pattern.PERIOD;
    const echo = fault(pattern.bytes[place] ?? 0, at);
    if (!echo) break;
    bytes.push(...echo);
  }
  return Uint8Array.from(bytes);
}

/** What is found wrong with what comes back in chunks of a size. */
function verify(
  bytes: Uint8Array,
  chunkSize: number,
  { sent = SENT, start = START, missing }: {
    sent?: number;
    start?: number;
    missing?: "truncated" | "late";
  } = {},
): Omit<Fault, "connection">[] {
  const faults = new Faults();
  const verifier = new Verifier(
    pattern,
    start,
    (kind, offset, count) => faults.add({ kind, connection: 1, offset, count }),
  );
  for (let at = 0; at < bytes.length; at += chunkSize) {
    const chunk = bytes.slice(at, at + chunkSize);
    verifier.receive(chunk, chunk.length, sent);
  }
  verifier.finish(sent, missing);
  return [...faults.first.values()]
    .map(({ kind, offset, count }) => {
      assertEquals(faults.counts.get(kind), count);
      return { kind, offset, count };
    })
    .toSorted((a, b) => a.offset - b.offset);
}

const CHUNK_SIZES = [1, 2, 7, 8, 9, 61, 64, 100, 1_000, 10_000];

Deno.test("Verifier has nothing to say of what is right", () => {
  for (const chunkSize of CHUNK_SIZES) {
    assertEquals(verify(echoOf((byte) => [byte]), chunkSize), []);
  }
  const sent = 3 * Pattern.PERIOD;
  const bytes = echoOf((byte) => [byte], sent);
  assertEquals(verify(bytes, sent, { sent }), []);
});

for (const [kind, { count, offset }] of Object.entries(EXPECTED)) {
  Deno.test(`Verifier tells what is ${kind}, however it comes in`, () => {
    for (const chunkSize of CHUNK_SIZES) {
      const fault = FAULTS[kind]?.();
      assert(fault);
      const found = verify(echoOf(fault), chunkSize);
      assertEquals<object>(found, [{ kind, offset, count }], `by ${chunkSize}`);
    }
  });
}

Deno.test("Verifier tells what is missing at the end", () => {
  for (const missing of ["truncated", "late"] as const) {
    const bytes = echoOf((byte, at) => at < 1_000 ? [byte] : null);
    assertEquals(verify(bytes, 64, { missing }), [
      { kind: missing, offset: 1_000, count: SENT - 1_000 },
    ]);
  }
});

Deno.test("Verifier takes what is another connection's for altered", () => {
  const found = verify(echoOf((byte) => [byte], 64, START + 7_919), 64, {
    sent: 64,
  });
  assertEquals(found, [{ kind: "altered", offset: 0, count: 64 }]);
});

Deno.test("Verifier counts every byte of a server that alters all of them", () => {
  const found = verify(echoOf((byte) => [byte ^ 0x20], 5_000), 64, {
    sent: 5_000,
  });
  assertEquals(found, [{ kind: "altered", offset: 0, count: 5_000 }]);
});

Deno.test("Verifier tells bytes in the wrong order from wrong ones", () => {
  const bytes = echoOf((byte) => [byte], 64).reverse();
  const found = verify(bytes, 64, { sent: 64 });
  assertEquals(found.map(({ kind }) => kind), ["reordered"]);
});

Deno.test("Verifier tells what goes wrong more than once", () => {
  const faults = (byte: number, at: number) =>
    at === 100
      ? []
      : at === 200
      ? [byte ^ 255]
      : at === 300
      ? [1, byte]
      : [byte];
  for (const chunkSize of CHUNK_SIZES) {
    assertEquals(verify(echoOf(faults), chunkSize), [
      { kind: "dropped", offset: 100, count: 1 },
      { kind: "altered", offset: 200, count: 1 },
      { kind: "inserted", offset: 300, count: 1 },
    ]);
  }
});

Deno.test("Verifier takes what comes again for that, however much more is to come", () => {
  const sent = 3 * Pattern.PERIOD;
  const right = echoOf((byte) => [byte], sent);
  const at = 150_000;
  for (const count of [8, 20, 1_000, 64 * 1024]) {
    const again = Uint8Array.from([
      ...right.subarray(0, at),
      ...right.subarray(at - count),
    ]);
    assertEquals(verify(again, 10_000, { sent }), [
      { kind: "repeated", offset: at - count, count },
    ]);
  }
  const swapped = Uint8Array.from([
    ...right.subarray(0, at),
    ...right.subarray(at + 20, at + 40),
    ...right.subarray(at, at + 20),
    ...right.subarray(at + 40),
  ]);
  assertEquals(verify(swapped, 10_000, { sent }), [
    { kind: "reordered", offset: at, count: 20 },
  ]);
});

Deno.test("Verifier tells a byte that comes twice, of two that are the same", () => {
  let at = 0;
  while (pattern.bytes[at] !== pattern.bytes[at + 1]) at++;
  const sent = at + 100;
  const bytes = echoOf((byte, i) => i === at ? [byte, byte] : [byte], sent, 0);
  // The second comes first in a chunk.
  const [found, ...others] = verify(bytes, at + 1, { sent, start: 0 });
  // Which of the three it is cannot be told.
  assert(found && found.offset >= at && found.offset <= at + 2);
  assertEquals([found.kind, found.count, others], ["repeated", 1, []]);
});

Deno.test("Verifier knows small messages too", () => {
  // Each is sent when the one before is back, or seems to be.
  const found: unknown[] = [];
  const verifier = new Verifier(
    pattern,
    0,
    (kind, offset, count) => found.push({ kind, offset, count }),
  );
  const hello = new Uint8Array([1, 2, 3]);
  for (let at = 0; at < 12; at += 4) {
    if (at === 4) verifier.receive(hello, 3, at + 4);
    verifier.receive(pattern.bytes.subarray(at, at + 4), 4, at + 4);
    // It knows each as soon as it has come.
    assertEquals([found.length, verifier.received], [at === 0 ? 0 : 1, at + 4]);
  }
  verifier.finish(12);
  assertEquals(found, [{ kind: "inserted", offset: 4, count: 3 }]);
});

Deno.test("Verifier counts a message as received, whatever is in it", () => {
  const verifier = new Verifier(pattern, 0, () => {});
  verifier.receive(new Uint8Array(64), 64, 64);
  assertEquals(verifier.received, 64);
});

Deno.test("Verifier knows which messages have come back whole", () => {
  const verifier = new Verifier(pattern, 0, () => {});
  const receive = (from: number, to: number) =>
    verifier.receive(pattern.bytes.subarray(from, to), to - from, 1_000);
  receive(0, 100);
  assertEquals(verifier.isWhole(100), true);
  receive(250, 300);
  assertEquals([200, 300].map((end) => verifier.isWhole(end)), [false, false]);
  receive(300, 400);
  receive(500, 600);
  receive(400, 500);
  const ends = [400, 500, 600];
  // What comes after later bytes, but in time, is whole.
  assertEquals(ends.map((end) => verifier.isWhole(end)), [true, true, true]);
});

Deno.test("Verifier knows which messages are whole, however many gaps come at once", () => {
  const sent = 100 * 64;
  const verifier = new Verifier(pattern, 0, () => {});
  const every = (at: number) => (at / 64 | 0) % 4 === 2;
  const bytes = echoOf((byte, at) => every(at) ? [] : [byte], sent, 0);
  verifier.receive(bytes, bytes.length, sent);
  let whole = 0;
  for (let end = 64; end <= sent; end += 64) {
    if (verifier.isWhole(end)) whole++;
  }
  assertEquals(whole, 75);
});

Deno.test("Verifier knows that a message lacks a byte, after one that lacked others", () => {
  const verifier = new Verifier(pattern, 0, () => {});
  const receive = (from: number, to: number) =>
    verifier.receive(pattern.bytes.subarray(from, to), to - from, 1_000);
  receive(10, 100);
  assertEquals(verifier.isWhole(100), false);
  receive(100, 150);
  receive(151, 200);
  assertEquals(verifier.isWhole(200), false);
  receive(200, 300);
  assertEquals(verifier.isWhole(300), true);
});

Deno.test("Verifier takes for inserted what comes before it was sent", () => {
  const found: unknown[] = [];
  const verifier = new Verifier(
    pattern,
    0,
    (kind, offset, count) => found.push({ kind, offset, count }),
  );
  verifier.receive(pattern.bytes.subarray(0, 20), 20, 20);
  verifier.receive(pattern.bytes.subarray(20, 100), 80, 60);
  verifier.finish(60);
  assertEquals(found, [{ kind: "inserted", offset: 60, count: 40 }]);
});

Deno.test("Verifier has nothing to say of what is missing, unless it is told why", () => {
  const bytes = echoOf((byte, at) => at < 1_000 ? [byte] : null);
  assertEquals(verify(bytes, 64), []);
});

Deno.test("Verifier waits for what comes behind a long piece of garbage", () => {
  const sent = 100_000;
  const garbage = Array.from({ length: 10_000 }, () => 0);
  const bytes = echoOf(
    (byte, at) => at === 50 ? [...garbage, byte] : [byte],
    sent,
  );
  assertEquals(verify(bytes, 1_000, { sent }), [
    { kind: "inserted", offset: 50, count: garbage.length },
  ]);
});

Deno.test("Verifier tells what comes again from what goes on, where both begin alike", () => {
  const { bytes } = pattern;
  const isAlike = (one: number, other: number) =>
    bytes[one] === bytes[other] && bytes[one + 1] === bytes[other + 1] &&
    bytes[one + 2] !== bytes[other + 2];
  const head = 3_000;
  let again = 100;
  while (!isAlike(again, head)) again++;
  for (const more of [0, 30]) {
    const repeated = bytes.subarray(again - 20, again + more);
    for (const sent of [head + 2, head + 100]) {
      const echo = Uint8Array.of(
        ...bytes.subarray(0, head),
        ...repeated,
        ...bytes.subarray(head, sent),
      );
      for (const chunkSize of CHUNK_SIZES) {
        assertEquals(verify(echo, chunkSize, { sent, start: 0 }), [
          { kind: "repeated", offset: again - 20, count: 20 + more },
        ], `${more} by ${chunkSize} of ${sent}`);
      }
    }
  }
});

Deno.test("Verifier tells what comes again from what is before it, where both are alike", () => {
  const { bytes } = pattern;
  const [head, sent] = [3_000, 3_100];
  let again = 100;
  while (bytes[again - 1] !== bytes[head - 1]) again++;
  const echo = Uint8Array.of(
    ...bytes.subarray(0, head),
    ...bytes.subarray(again, again + 30),
    ...bytes.subarray(head, sent),
  );
  for (const chunkSize of CHUNK_SIZES) {
    assertEquals(verify(echo, chunkSize, { sent, start: 0 }), [
      { kind: "repeated", offset: again, count: 30 },
    ], `by ${chunkSize}`);
  }
});

/** One fault: what it does to some bytes, and how it is to be told. */
type Damage = (
  bytes: number[],
  at: number,
  count: number,
) => Omit<Fault, "connection">;

const DAMAGES: Readonly<Record<string, Damage>> = {
  dropped(bytes, at, count) {
    bytes.splice(at, count);
    return { kind: "dropped", offset: at, count };
  },
  altered(bytes, at, count) {
    for (let i = at; i < at + count; i++) bytes[i] = 255 - (bytes[i] ?? 0);
    return { kind: "altered", offset: at, count };
  },
  inserted(bytes, at, count) {
    // None of them is the one in whose place it is.
    const garbage = bytes.slice(at, at + count).map((byte) => 255 - byte);
    garbage[count - 1] = 255 - (bytes[at - 1] ?? 0);
    bytes.splice(at, 0, ...garbage);
    return { kind: "inserted", offset: at, count };
  },
  repeated(bytes, at, count) {
    bytes.splice(at, 0, ...bytes.slice(at - count, at));
    return { kind: "repeated", offset: at - count, count };
  },
  "repeated later"(bytes, at, count) {
    const offset = at >> 1;
    bytes.splice(at, 0, ...bytes.slice(offset, offset + count));
    return { kind: "repeated", offset, count };
  },
};

for (const [name, damage] of Object.entries(DAMAGES)) {
  Deno.test(`Verifier tells what is ${name} anywhere, however much, and by whatever pieces it comes`, () => {
    const random = randomFor(1, name);
    const upTo = (most: number) => Math.floor(random() * most);
    for (let round = 0; round < 500; round++) {
      const sent = 400 + upTo(1_000);
      const start = upTo(Pattern.PERIOD);
      const bytes = [...echoOf((byte) => [byte], sent, start)];
      const count = 8 + upTo(60);
      const fault = damage(bytes, 140 + upTo(sent - 220), count);
      // One that is altered to what is right at its end, or inserted, is told as it seems.
      const found = verify(Uint8Array.from(bytes), 1 + upTo(100), {
        sent,
        start,
      });
      const sum = found.reduce((sum, { count }) => sum + count, 0);
      assertEquals([found.map(({ kind }) => kind), sum], [[fault.kind], count]);
      // By chance the bytes beside it are the same.
      const off = Math.abs((found[0]?.offset ?? NaN) - fault.offset);
      assert(off <= 2, `${round}: ${found[0]?.offset}, not ${fault.offset}`);
    }
  });
}

Deno.test("Verifier tells what has come in the place of more, or of less", () => {
  for (const [came, missing] of [[12, 20], [20, 12], [8, 8]] as const) {
    for (const chunkSize of CHUNK_SIZES) {
      const bytes = [...echoOf((byte) => [byte])];
      const right = bytes.slice(1_000, 1_000 + missing);
      const wrong = Array.from(
        { length: came },
        (_, index) => 255 - (right[index] ?? bytes[999] ?? 0),
      );
      bytes.splice(1_000, missing, ...wrong);
      const least = Math.min(came, missing);
      const rest = Math.abs(came - missing);
      const kind = came < missing ? "dropped" : "inserted";
      assertEquals(verify(Uint8Array.from(bytes), chunkSize), [
        { kind: "altered", offset: 1_000, count: least },
        ...(rest > 0
          ? [{ kind, offset: 1_000 + least, count: rest } as const]
          : []),
      ], `${came} for ${missing} by ${chunkSize}`);
    }
  }
});

Deno.test("Verifier tells what is inserted from what comes again behind it", () => {
  for (const chunkSize of CHUNK_SIZES) {
    const bytes = [...echoOf((byte) => [byte])];
    const garbage = [255 - (bytes[1_000] ?? 0), 255 - (bytes[499] ?? 0)];
    bytes.splice(1_000, 0, ...garbage, ...bytes.slice(500, 560));
    assertEquals(verify(Uint8Array.from(bytes), chunkSize), [
      { kind: "repeated", offset: 500, count: 60 },
      { kind: "inserted", offset: 1_000, count: 2 },
    ], `by ${chunkSize}`);
  }
});

Deno.test("Verifier knows the last few bytes behind others that are missing", () => {
  for (const chunkSize of CHUNK_SIZES) {
    const bytes = echoOf((byte, at) =>
      at >= SENT - 10 && at < SENT - 4 ? [] : [byte]
    );
    assertEquals(verify(bytes, chunkSize, { missing: "late" }), [
      { kind: "dropped", offset: SENT - 10, count: 6 },
    ]);
  }
});

Deno.test("Verifier tells two bytes that have changed places, and where", () => {
  const bytes = echoOf((byte) => [byte], 64);
  const [one = 0, other = 0] = [bytes[10], bytes[14]];
  assert(one !== other);
  assertEquals(verify(bytes.with(10, other).with(14, one), 64, { sent: 64 }), [
    { kind: "reordered", offset: 10, count: 2 },
  ]);
  assertEquals(verify(bytes.with(10, 255 - one), 64, { sent: 64 }), [
    { kind: "altered", offset: 10, count: 1 },
  ]);
});

/** What is told, one by one, of pieces of the pattern that come in this order. */
function tell(sent: number, pieces: readonly (readonly [number, number])[]) {
  const told: [string, number, number][] = [];
  const verifier = new Verifier(
    pattern,
    0,
    (...fault) => void told.push(fault),
  );
  for (const [from, to] of pieces) {
    verifier.receive(pattern.bytes.subarray(from, to), to - from, sent);
  }
  return { verifier, told };
}

Deno.test("Verifier tells what of a gap has come later, and what has not", () => {
  const { verifier, told } = tell(400, [
    [0, 100],
    [160, 300],
    [120, 140],
    [300, 400],
  ]);
  assertEquals(verifier.isWhole(100), true);
  assertEquals(verifier.isWhole(200), false);
  assertEquals(verifier.isWhole(400), true);
  verifier.finish(400);
  assertEquals(told, [
    ["reordered", 120, 20],
    ["dropped", 100, 20],
    ["dropped", 140, 20],
  ]);
});

Deno.test("Verifier keeps sixteen gaps open, and tells the oldest then", () => {
  const pieces = Array.from(
    { length: 20 },
    (_, index) => [index * 100 + 10, index * 100 + 100] as const,
  );
  const { verifier, told } = tell(2_000, pieces);
  const oldest = [0, 100, 200, 300]
    .map((from): [string, number, number] => ["dropped", from, 10]);
  assertEquals(told, oldest);
  // One that is filled in its midst becomes two.
  verifier.receive(pattern.bytes.subarray(501, 509), 8, 2_000);
  assertEquals(told.slice(4), [["reordered", 501, 8], ["dropped", 400, 10]]);
  // What comes too late is here again.
  verifier.receive(pattern.bytes.subarray(100, 110), 10, 2_000);
  assertEquals(told.slice(6), [["repeated", 100, 10]]);
});

Deno.test("Verifier knows that a message is not whole after any number of gaps", () => {
  const every = 24;
  const gaps = 64 * 1024 + 10;
  const sent = (gaps + 2) * every;
  const verifier = new Verifier(pattern, 0, () => {});
  const bytes = new Uint8Array(sent);
  let length = 0;
  for (let at = 0; at < sent; at++) {
    const isMissing = at % every === 1 && at < gaps * every;
    if (!isMissing) bytes[length++] = pattern.bytes[at % Pattern.PERIOD] ?? 0;
  }
  verifier.receive(bytes, length, sent);
  assertEquals(verifier.isWhole(1), true);
  assertEquals(verifier.isWhole(every), false);
  assertEquals(verifier.isWhole((gaps - 1) * every), false);
  assertEquals(verifier.isWhole(gaps * every), false);
  assertEquals(verifier.isWhole(sent), true);
});

/** Bytes that belong nowhere. */
const GARBAGE: Readonly<Record<string, (at: number) => number>> = {
  zeros: () => 0,
  noise: (at) => Math.imul(at + 1, 0x9e3779b1) >>> 24,
  // Eight bytes from here and there, with a wrong one between.
  pieces: (at) =>
    at % 9 === 8
      ? 0
      : pattern.bytes[((at / 9 | 0) * 7_717 + at % 9) % Pattern.PERIOD] ?? 0,
};

for (const [name, garbage] of Object.entries(GARBAGE)) {
  Deno.test(`Verifier keeps no more than 64 KiB of ${name}, and looks at each byte once`, () => {
    let found = 0;
    let told = 0;
    class CountingPattern extends Pattern {
      override find(chunk: Uint8Array, at: number): number | undefined {
        found++;
        return super.find(chunk, at);
      }
    }
    const ahead = 1024 * 1024;
    for (const size of [1, 1_000, 64 * 1024]) {
      [found, told] = [0, 0];
      const verifier = new Verifier(
        new CountingPattern(),
        0,
        (kind, _, count) => told += kind === "dropped" ? 0 : count,
      );
      const chunk = new Uint8Array(size);
      const total = 3 * 64 * 1024;
      let came = 0;
      for (; came < total; came += size) {
        for (let i = 0; i < size; i++) chunk[i] = garbage(came + i);
        verifier.receive(chunk, size, verifier.received + ahead);
      }
      assert(name === "pieces" || told >= came - 64 * 1024 - size, `${told}`);
      assert(found <= came + 8, `${found} of ${came} by ${size}`);
    }
  });
}

Deno.test("Verifier takes for inserted what comes beyond all that was sent", () => {
  const counts = new Map<string, number>();
  const verifier = new Verifier(pattern, 0, (kind, _, count) => {
    counts.set(kind, (counts.get(kind) ?? 0) + count);
  });
  verifier.receive(pattern.bytes.subarray(0, 64), 64, 128);
  const zeros = new Uint8Array(64 * 1024);
  for (let i = 0; i < 10; i++) verifier.receive(zeros, zeros.length, 128);
  verifier.finish(128);
  const [altered = 0, inserted] = [
    counts.get("altered"),
    counts.get("inserted"),
  ];
  assert(altered >= 60 && altered <= 64);
  assertEquals([inserted, counts.size], [10 * zeros.length - 64, 2]);
});
