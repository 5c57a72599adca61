import { makeAdmit, readNetwork } from "../../src/listen/networks.ts";
import { loadParseArgs } from "../../src/cli/parse_args.ts";
import { readArgs, type Settings } from "../../src/cli/serve/settings.ts";
import { UsageError } from "../../src/cli/command_line.ts";
import { Log } from "../../src/cli/serve/log.ts";
import { readSize } from "../../src/cli/size.ts";
import { formatEndpoint } from "../../src/core/format_addr.ts";
import {
  parseEndpoint,
  parsePlainEndpoint,
} from "../../src/listen/endpoint.ts";
import { echo } from "../../src/core/echo.ts";
import { parseIp } from "../../src/core/ip.ts";
import type { StreamFaults } from "../../src/core/fault_options.ts";
import type { Addr } from "../../src/core/transport.ts";
import { faultyConnection } from "../../src/faults/faulty_connection.ts";
import { type Arbitrary, fc } from "./fast_check.ts";
import { assert, assertEquals } from "../helpers/assert.ts";
import { FakeClock, settled } from "../helpers/fake_clock.ts";
import { MemoryConnection } from "../helpers/memory.ts";
import { FULL } from "../helpers/scale.ts";

const parseArgs = await loadParseArgs();
const loadParser = () => Promise.resolve(parseArgs);

function read(args: readonly string[]): Promise<Settings> {
  return readArgs(args, loadParser);
}

// The same cases every day; others, and more, when everything is soaked.
fc.configureGlobal(
  FULL ? { numRuns: 2_000 } : { seed: 6 },
);

/** Any text, of printable characters or not. */
const text = () => fc.string({ unit: "binary" });

/** What a function returns, or the error it throws, if it is of that kind. */
function resultOf<T, E extends Error>(
  run: () => T,
  kind: new (...args: never[]) => E,
): T | E {
  try {
    return run();
  } catch (error) {
    if (error instanceof kind) return error;
    throw error;
  }
}

// Arguments.

const TIMES: Readonly<Record<string, number>> = {
  ms: 1,
  s: 1_000,
  m: 60_000,
  h: 3_600_000,
};
/** A time, and how many milliseconds it is. */
const time = (least: number) =>
  fc.tuple(
    fc.integer({ min: least, max: 596 }),
    fc.constantFrom(...Object.keys(TIMES)),
  ).map(([count, unit]: [number, string]): [string, number] => [
    `${count}${unit}`,
    count * (TIMES[unit] ?? NaN),
  ]);
const whole = (max: number) => fc.integer({ min: 1, max });

type Case = [value: string, expected: Partial<Settings>];

/** Options, and what they have to be read as. */
const OPTIONS: Readonly<Record<string, Arbitrary<Case>>> = {
  port: fc.nat(65535).map((port: number): Case => [`${port}`, {
    endpoints: [{ addr: { transport: "tcp", hostname: "127.0.0.1", port } }],
  }]),
  "max-connections": whole(1e9).map((
    maxConnections: number,
  ): Case => [`${maxConnections}`, { maxConnections }]),
  "max-per-host": whole(1e9).map((
    maxPerHost: number,
  ): Case => [`${maxPerHost}`, { maxPerHost }]),
  "max-bytes": whole(1e9).map((
    count: number,
  ): Case => [`${count}KiB`, { maxBytes: count * 1024 }]),
  "idle-timeout": time(1).map((
    [time, idleTimeout]: [string, number],
  ): Case => [time, { idleTimeout }]),
  "max-lifetime": time(1).map((
    [time, maxLifetime]: [string, number],
  ): Case => [time, { maxLifetime }]),
  "shutdown-delay": time(0).map((
    [time, shutdownDelay]: [string, number],
  ): Case => [time, { shutdownDelay }]),
  grace: time(0).map((
    [time, grace]: [string, number],
  ): Case => [time, { grace }]),
  "log-format": fc.constantFrom("text", "json").map((
    logFormat: Settings["logFormat"],
  ): Case => [logFormat, { logFormat }]),
};

Deno.test("Whatever is given in whatever order is read as it is meant", async () => {
  type Given = [name: string, value: string, glued: boolean, Partial<Settings>];
  const given = fc.shuffledSubarray(Object.entries(OPTIONS)).chain((
    options: [string, Arbitrary<Case>][],
  ) =>
    fc.tuple(
      ...options.map(([name, cases]) =>
        fc.tuple(cases, fc.boolean()).map((
          [[value, expected], glued]: [Case, boolean],
        ): Given => [name, value, glued, expected])
      ),
    )
  );
  const none = await read([]);
  await fc.assert(fc.asyncProperty(given, async (given: Given[]) => {
    const args = given.flatMap(([name, value, glued]) =>
      glued ? [`--${name}=${value}`] : [`--${name}`, value]
    );
    const expected = given.map(([, , , settings]) => settings);
    assertEquals(await read(args), Object.assign({ ...none }, ...expected));
  }));
});

Deno.test("Any arguments are read, or refused in one line", async () => {
  const names = Object.keys(await read([])).map((name) =>
    name.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)
  );
  const arg = fc.oneof(
    text(),
    fc.constantFrom(...names).map((name: string) => `--${name}`),
    fc.tuple(fc.constantFrom(...names), text()).map((pair: string[]) =>
      `--${pair.join("=")}`
    ),
    fc.string({ maxLength: 4 }).map((letters: string) => `-${letters}`),
  );
  await fc.assert(
    fc.asyncProperty(
      fc.array(arg, { maxLength: 5 }),
      async (args: string[]) => {
        const result = await read(args).catch((error) => {
          if (error instanceof UsageError) return error;
          throw error;
        });
        if (result instanceof Error) assert(!/[\n\r]/.test(result.message));
        else assert(result.endpoints.length > 0);
      },
    ),
  );
});

Deno.test("A duration is its number times its unit", async () => {
  const number = fc.tuple(fc.nat(500), fc.option(fc.nat(999))).map((
    [whole, digits]: [number, number | null],
  ) => digits === null ? `${whole}` : `${whole}.${digits}`);
  const unit = fc.constantFrom(...Object.keys(TIMES));
  await fc.assert(
    fc.asyncProperty(number, unit, async (count: string, unit: string) => {
      assertEquals(
        (await read([`--grace=${count}${unit}`])).grace,
        Number(count) * (TIMES[unit] ?? NaN),
      );
    }),
  );
});

Deno.test("A size is its number times its unit, and nothing else is one", () => {
  const units = ["", "KiB", "MiB", "GiB"];
  fc.assert(fc.property(
    fc.integer({ min: 1, max: 1e6 }),
    fc.nat(units.length - 1),
    (count: number, power: number) => {
      assertEquals(readSize(`${count}${units[power]}`), count * 1024 ** power);
    },
  ));
  fc.assert(fc.property(text(), (text: string) => {
    const size = readSize(text);
    assert(size === undefined || Number.isSafeInteger(size) && size > 0);
    assert(size === undefined || /^\d+(\.\d+)?([KMGT]i)?B?$/.test(text));
  }));
});

// Addresses.

const addr: Arbitrary<Addr> = fc.oneof(
  fc.record({
    transport: fc.constantFrom("tcp", "tls", "udp"),
    hostname: fc.oneof(fc.ipV4(), fc.ipV6(), fc.domain()),
    port: fc.nat(65535),
  }, { noNullPrototype: true }),
  fc.record({
    transport: fc.constant("unix"),
    // In a URL, what follows a `?` is no longer the path.
    path: text().map((path: string) => `/${path.replaceAll("?", "")}x`),
  }, { noNullPrototype: true }),
);

Deno.test("An endpoint is read back as it was written", () => {
  fc.assert(fc.property(addr, (addr: Addr) => {
    assertEquals(parsePlainEndpoint(formatEndpoint(addr)), addr);
  }));
});

Deno.test("Any endpoint is read, or refused in one line", () => {
  const url = fc.oneof(
    text(),
    fc.tuple(fc.constantFrom("tcp", "tls", "udp", "unix", "x"), text())
      .map((parts: string[]) => parts.join("://")),
  );
  fc.assert(
    fc.property(url, (url: string) => {
      const result = resultOf(() => parseEndpoint(url), SyntaxError);
      if (result instanceof Error) assert(!/[\n\r]/.test(result.message));
      else {
        assertEquals(
          parseEndpoint(formatEndpoint(result.addr)).addr,
          result.addr,
        );
      }
    }),
  );
});

/** The bits of an address, by another way than that of the runtime. */
function bitsOf(ip: string): string {
  const address = parseIp(ip) ?? "";
  if (!address.includes(":")) {
    return address.split(".").map((byte) =>
      Number(byte).toString(2).padStart(8, "0")
    ).join("");
  }
  const [head = "", tail] = address.split("::");
  const groups = (part = "") => part.split(":").filter(Boolean);
  const zeros = tail === undefined
    ? 0
    : 8 - groups(head).length - groups(tail).length;
  return [...groups(head), ...Array(zeros).fill("0"), ...groups(tail)]
    .map((group) => parseInt(group, 16).toString(2).padStart(16, "0")).join("");
}

Deno.test("An address has one form, and is itself in it", () => {
  fc.assert(fc.property(fc.oneof(fc.ipV4(), fc.ipV6()), (ip: string) => {
    const address = parseIp(ip);
    assert(address !== undefined);
    assertEquals(parseIp(address), address);
    assertEquals(bitsOf(address).length, address.includes(":") ? 128 : 32);
  }));
  fc.assert(fc.property(fc.ipV4(), (ip: string) => {
    assertEquals(parseIp(`::ffff:${ip}`), ip);
  }));
  fc.assert(fc.property(text(), (text: string) => {
    const address = parseIp(text);
    assert(address === undefined || parseIp(address) === address);
  }));
});

Deno.test("Who may come in is decided bit by bit", async () => {
  // Of few bits, so that networks meet.
  const ip = fc.oneof(
    fc.tuple(fc.constantFrom(0, 10, 128, 255), fc.nat(3), fc.nat(3), fc.nat(3))
      .map((bytes: number[]) => bytes.join(".")),
    fc.tuple(fc.nat(3), fc.nat(3)).map(([one, other]: number[]) =>
      `${one}::${other}`
    ),
  );
  const cidr = fc.tuple(ip, fc.nat(128)).map(([ip, bits]: [string, number]) =>
    `${ip}/${ip.includes(":") ? bits : bits % 33}`
  );
  const cidrs = fc.array(cidr, { maxLength: 6 });
  await fc.assert(
    fc.asyncProperty(
      cidrs,
      cidrs,
      fc.array(ip),
      async (allow: string[], deny: string[], ips: string[]) => {
        const read = (text: string) => {
          const network = readNetwork(text);
          assert(network, text);
          return network;
        };
        const admit = await makeAdmit(allow.map(read), deny.map(read));
        for (const hostname of ips) {
          const bits = bitsOf(hostname);
          const best = (texts: string[]) =>
            Math.max(
              -1,
              ...texts.map(read).map(({ ip, prefix }) => {
                const own = bitsOf(ip);
                const isIn = own.length === bits.length &&
                  own.slice(0, prefix) === bits.slice(0, prefix);
                return isIn ? prefix : -1;
              }),
            );
          const [allowed, denied] = [best(allow), best(deny)];
          const expected = allowed === denied
            ? allowed < 0 && allow.length === 0
            : allowed > denied;
          const actual = admit({ transport: "tcp", hostname, port: 1 });
          assertEquals(actual, expected, `${hostname}: ${allow} but ${deny}`);
        }
      },
    ),
  );
});

Deno.test("Networks are read as they are written", () => {
  const ip = fc.oneof(fc.ipV4(), fc.ipV6());
  fc.assert(fc.property(ip, fc.nat(128), (ip: string, bits: number) => {
    const plain = parseIp(ip);
    assert(plain !== undefined);
    const isMapped = ip.includes(":") && !plain.includes(":");
    const prefix = isMapped ? bits - 96 : bits;
    const isRight = prefix >= 0 && prefix <= (plain.includes(":") ? 128 : 32);
    assertEquals(
      readNetwork(`${ip}/${bits}`),
      isRight ? { ip: plain, prefix } : undefined,
    );
  }));
});

// Lines.

Deno.test("Whatever is logged is one line, in JSON and for people", async () => {
  type Event = [event: string, text: string, fields: Record<string, unknown>];
  const events = fc.array(
    fc.tuple(text(), text(), fc.dictionary(text(), fc.jsonValue())),
  );
  for (const format of ["text", "json"] as const) {
    await fc.assert(fc.asyncProperty(events, async (events: Event[]) => {
      let written = "";
      const log = new Log({
        isTerminal: () => false,
        write(p) {
          written += new TextDecoder().decode(p);
          return Promise.resolve(p.length);
        },
      }, { format, level: "debug", colour: false });
      for (const [event, text, fields] of events) {
        log.write("info", event, text, { fields });
      }
      await log[Symbol.asyncDispose]();
      const lines = written.split("\n");
      assertEquals(lines.pop(), "");
      assertEquals(lines.length, events.length);
      for (const [index, line] of lines.entries()) {
        if (format === "text") {
          assert(!/\p{Cc}/u.test(line), JSON.stringify(line));
        } else {
          const [event, , fields] = events[index] ?? [];
          const { time: _, ...rest } = JSON.parse(line);
          const expected = { level: "info", event, fields };
          assertEquals(rest, JSON.parse(JSON.stringify(expected)));
        }
      }
    }));
  }
});

// Bytes.

Deno.test("echo() is exact, however reads and writes are cut", async () => {
  interface Step {
    readonly send?: Uint8Array;
    readonly largestWrite?: number;
    readonly room?: number;
    readonly take?: boolean;
  }
  const step: Arbitrary<Step> = fc.oneof(
    fc.record({ send: fc.uint8Array({ maxLength: 3_000 }) }),
    fc.record({ largestWrite: fc.integer({ min: 1, max: 3_000 }) }),
    fc.record({ room: fc.nat(3_000) }),
    fc.record({ take: fc.constant(true) }),
  );
  const steps = fc.array(step);
  await fc.assert(fc.asyncProperty(steps, async (steps: Step[]) => {
    const connection = new MemoryConnection();
    const sent: number[] = [];
    const received: number[] = [];
    let echoed = 0;
    const done = echo(connection, (count) => echoed += count);
    for (const step of steps) {
      sent.push(...step.send ?? []);
      connection.send(step.send ?? []);
      connection.largestWrite = step.largestWrite ?? connection.largestWrite;
      connection.room = step.room ?? connection.room;
      if (step.take) received.push(...connection.take());
      await settled();
    }
    connection.room = Infinity;
    connection.end();
    received.push(...connection.take());
    await done;
    received.push(...connection.take());
    assertEquals(received, sent);
    assertEquals(echoed, sent.length);
  }));
});

Deno.test("Faults that harm no byte leave the echo exact, in any combination", async () => {
  const sizes = fc.integer({ min: 100, max: 2_000 });
  const faults = fc.record({
    late: fc.option(
      fc.record({
        delay: fc.integer({ min: 1, max: 1_000 }),
        window: fc.integer({ min: 1, max: 5_000 }),
        isEven: fc.boolean(),
      }),
    ),
    rate: fc.option(fc.integer({ min: 10_000, max: 1_000_000 })),
    slice: fc.option(fc.tuple(sizes, sizes)),
    stall: fc.option(
      fc.record({
        stall: fc.integer({ min: 1, max: 1_000 }),
        after: fc.nat(3_000),
      }),
    ),
    share: fc.constantFrom(50, 100),
    seed: fc.nat(1_000),
  }).map(({ late, rate, slice, stall, share, seed }) => ({
    ...(late && {
      delay: late.delay,
      window: late.window,
      jitter: late.isEven ? undefined : late.delay,
    }),
    ...stall,
    rate: rate ?? undefined,
    slice: slice
      ? [Math.min(...slice), Math.max(...slice)] as const
      : undefined,
    ...((late || rate || slice || stall) && { share, seed }),
  }));
  const chunks = fc.array(fc.uint8Array({ maxLength: 1_000 }), {
    maxLength: 5,
  });
  const room = fc.integer({ min: 500, max: 5_000 });
  await fc.assert(
    fc.asyncProperty(
      faults,
      chunks,
      room,
      async (faults: StreamFaults, chunks: Uint8Array[], room: number) => {
        using clock = new FakeClock();
        const inner = new MemoryConnection();
        inner.largestWrite = room;
        const sent = chunks.flatMap((chunk) => [...chunk]);
        let echoed = 0;
        let isOver = false;
        const done = echo(
          faultyConnection(inner, faults),
          (count) => echoed += count,
        ).finally(() => isOver = true);
        for (const chunk of chunks) {
          inner.send(chunk);
          await clock.next();
        }
        inner.end();
        while (!isOver) {
          await settled();
          await clock.next();
        }
        await done;
        assertEquals(inner.received, sent);
        assertEquals([echoed, clock.timers], [sent.length, 0]);
      },
    ),
  );
});
