import {
  readCommandLine,
  readFrom1,
  readSomeTime,
  readTime,
  readWhole,
  UsageError,
} from "../../src/cli/command_line.ts";
import { loadBuiltin } from "../../src/cli/parse_args.ts";
import {
  assertEquals,
  assertRejects,
  assertThrows,
} from "../helpers/assert.ts";

const ACCEPTED = {
  values: ["host", "port"],
  switches: ["verbose", "quiet"],
  alias: { verbose: "v", host: "H", port: "p" },
} as const;

function read(...args: string[]) {
  return readCommandLine(args, loadBuiltin, ACCEPTED);
}

Deno.test("readCommandLine() knows what is given", async () => {
  const url = "tcp://:3000?delay=1s";
  const { endpoints, isOn, valueOf, valuesOf } = await read(
    ...["-v", url, "--port", "7", "udp://:1", "--host=a", "--host=b"],
  );
  assertEquals(endpoints.map(({ url }) => url), [url, "udp://:1"]);
  assertEquals([isOn("verbose"), isOn("quiet")], [true, false]);
  assertEquals(valueOf("port", "a port", Number), 7);
  assertEquals(valuesOf("host", "a host", (text) => text), ["a", "b"]);
});

Deno.test("readCommandLine() reads a value right behind the letter of its option", async () => {
  const texts = ["7", "7s", "1..64KiB", "a=b", "::1", "-1", "é"];
  for (const text of texts) {
    for (const arg of [`-H${text}`, `-H=${text}`]) {
      const { valueOf } = await read(arg);
      assertEquals(valueOf("host", "a host", String), text, arg);
    }
  }
  // A switch takes none, and what comes after -- is no option.
  for (const args of [["-vp7"], ["--", "-p7"]]) {
    await assertRejects(
      () => read(...args),
      UsageError,
      `Unknown option "${args.at(-1)}": see --help`,
    );
  }
});

Deno.test("readCommandLine() loads no parser for endpoints alone", async () => {
  const load = () => Promise.reject(new Error("Loaded"));
  for (const args of [[], ["tcp://:1"], ["tcp://:1", "udp://:1"]]) {
    const { endpoints, isOn, valueOf } = await readCommandLine(
      args,
      load,
      ACCEPTED,
    );
    assertEquals(endpoints.length, args.length);
    assertEquals([isOn("verbose"), valueOf("port", "", Number)], [
      false,
      undefined,
    ]);
  }
  await assertRejects(
    () => readCommandLine(["-v"], load, ACCEPTED),
    Error,
    "Loaded",
  );
});

Deno.test("readCommandLine() says what it does not know", async () => {
  const wrong: Record<string, string> = {
    "--bogus=1": 'Unknown option "--bogus=1": see --help',
    "-x": 'Unknown option "-x": see --help',
    "tcp://localhost":
      'Invalid endpoint "tcp://localhost": expected tcp://HOST:PORT, with a port',
  };
  for (const [arg, message] of Object.entries(wrong)) {
    const error = await assertRejects(() => read(arg), UsageError);
    assertEquals(error.message, message);
  }
  await assertRejects(
    () => read("localhost:1"),
    UsageError,
    'Invalid endpoint "localhost:1": expected tcp://HOST:PORT',
  );
  await assertRejects(
    () => read("-v", "--", "-x"),
    UsageError,
    'Unknown option "-x": see --help',
  );
});

Deno.test("readCommandLine() says what is wrong with a value", async () => {
  const given = await read(
    ...["--verbose=1", "--host=", "--port=x", "--quiet", "--quiet"],
  );
  const wrong: [() => unknown, string][] = [
    [
      () => given.isOn("verbose"),
      'Invalid value "1" for --verbose: it takes none',
    ],
    [
      () => given.isOn("quiet"),
      "Option --quiet is given 2 times: once is accepted",
    ],
    [
      () => given.valueOf("host", "a host", (text) => text),
      "Missing value for --host: expected a host",
    ],
    [
      () => given.valuesOf("port", "a port", readFrom1),
      'Invalid value "x" for --port: expected a port',
    ],
  ];
  for (const [get, message] of wrong) {
    assertEquals(assertThrows(get, UsageError).message, message);
  }
});

Deno.test("Whole numbers and times have their bounds", () => {
  const whole = ["0", "1", "7", "8", "-1", "1.5", "1e1", "", " 1", "x"]
    .map((text) => readWhole(text, 1, 7));
  assertEquals(whole, [undefined, 1, 7, ...Array(7).fill(undefined)]);
  assertEquals([readFrom1("0"), readFrom1("9007199254740991")], [
    undefined,
    Number.MAX_SAFE_INTEGER,
  ]);
  assertEquals(readFrom1("9007199254740992"), undefined);
  const times: Record<string, number | undefined> = {
    "1ms": 1,
    "0.5s": 500,
    "2m": 120_000,
    "596h": 2_145_600_000,
    "2147483647ms": 2 ** 31 - 1,
    "2147483648ms": undefined,
    "597h": undefined,
    "0s": 0,
    "1": undefined,
    "1d": undefined,
    ".5s": undefined,
    "-1s": undefined,
    "1 s": undefined,
  };
  for (const [text, ms] of Object.entries(times)) {
    assertEquals(readTime(text), ms, text);
    assertEquals(readSomeTime(text), ms || undefined, text);
  }
});
