import { UsageError } from "../../src/cli/command_line.ts";
import { readParameters } from "../../src/cli/parameters.ts";
import { parseEndpoint } from "../../src/listen/endpoint.ts";
import { assertEquals, assertThrows } from "../helpers/assert.ts";

const ACCEPTED = {
  many: ["tcp", "tls", "unix"],
  lone: ["udp"],
  flag: ["tcp"],
} as const;

function read(url: string): object {
  const { isOn, valueOf, valuesOf } = readParameters(
    parseEndpoint(url),
    ACCEPTED,
  );
  const digits = (text: string) =>
    /^\d+$/.test(text) ? Number(text) : undefined;
  return {
    many: valuesOf("many", "digits", digits),
    lone: valueOf("lone", "digits", digits),
    flag: isOn("flag"),
  };
}

Deno.test("readParameters() reads values, repeated ones and switches", () => {
  const none = { many: [], lone: undefined, flag: false };
  assertEquals(read("tcp://:1"), none);
  assertEquals(read("tcp://:1?many=1&flag&many=2"), {
    ...none,
    many: [1, 2],
    flag: true,
  });
  assertEquals(read("udp://:1?lone=0"), { ...none, lone: 0 });
});

const WRONG: Record<string, string> = {
  "tcp://:1?bogus=1":
    'Unknown parameter "bogus" in "tcp://:1?bogus=1": tcp:// accepts many, flag',
  "udp://:1?toString":
    'Unknown parameter "toString" in "udp://:1?toString": udp:// accepts lone',
  "udp://:1?many=1":
    'Parameter many in "udp://:1?many=1" belongs to tcp://, tls:// and unix://: udp:// accepts lone',
  "unix:///a?flag":
    'Parameter flag in "unix:///a?flag" belongs to tcp://: unix:// accepts many',
  "udp://:1?lone=x":
    'Invalid value "x" for parameter lone in "udp://:1?lone=x": expected digits',
  "udp://:1?lone=":
    'Missing value for parameter lone in "udp://:1?lone=": expected digits',
  "udp://:1?lone":
    'Missing value for parameter lone in "udp://:1?lone": expected digits',
  "udp://:1?lone=1&lone=1":
    'Parameter lone in "udp://:1?lone=1&lone=1" is given 2 times: once is accepted',
  "tcp://:1?flag=1":
    'Invalid value "1" for parameter flag in "tcp://:1?flag=1": it takes none',
  "tcp://:1?many=1&many=\n":
    'Invalid value "\\n" for parameter many in "tcp://:1?many=1&many=\\n": expected digits',
};

for (const [url, message] of Object.entries(WRONG)) {
  Deno.test(`readParameters() refuses ${JSON.stringify(url)}`, () => {
    assertEquals(assertThrows(() => read(url), UsageError).message, message);
  });
}

Deno.test("readParameters() says where there are no parameters", () => {
  const { message } = assertThrows(
    () => readParameters(parseEndpoint("tcp://:1?a"), {}),
    UsageError,
  );
  assertEquals(
    message,
    'Unknown parameter "a" in "tcp://:1?a": tcp:// accepts no parameters',
  );
});
