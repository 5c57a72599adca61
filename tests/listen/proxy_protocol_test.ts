import {
  makeProxyHeader,
  ProxyError,
  readProxyHeader,
} from "../../src/listen/proxy_protocol.ts";
import type { Addr } from "../../src/core/transport.ts";
import { assert, assertEquals, assertThrows } from "../helpers/assert.ts";
import { INET, value, version1, version2 } from "../helpers/proxy_header.ts";

const CLIENT = net("192.0.2.1", 4660);
const CLIENT6 = net("2001:db8::1", 4660);
const INET6 = [
  ...[0x20, 1, 0xd, 0xb8, ...Array<number>(11).fill(0), 1],
  ...[0x20, 1, 0xd, 0xb8, ...Array<number>(11).fill(0), 2],
  ...[0x12, 0x34, 0, 7],
];
const MAPPED = [
  ...[...Array<number>(10).fill(0), 255, 255, 192, 0, 2, 1],
  ...[...Array<number>(10).fill(0), 255, 255, 192, 0, 2, 2],
  ...[0x12, 0x34, 0, 7],
];
const FULL = Array(8).fill("ffff").join(":");
// Calculated elsewhere, over each whole header with 0 in the place of the sum.
const SUM = value(3, [0x2a, 0x48, 0x2a, 0x9a]);
const SUM_BETWEEN = value(3, [0x2d, 0x37, 0x40, 0x77]);
const SUM_LOCAL = value(3, [0xa9, 0xb8, 0x7e, 0x8f]);
const LOCAL = 0x20;

const VALID: readonly [what: string, Uint8Array, Addr?][] = [
  ["TCP4", version1("TCP4 192.0.2.1 192.0.2.2 4660 7"), CLIENT],
  ["TCP6", version1("TCP6 2001:db8::1 2001:db8::2 4660 7"), CLIENT6],
  ["TCP6 in full", version1("TCP6 2001:DB8:0:0:0:0:0:01 ::2 4660 7"), CLIENT6],
  ["TCP6 mapped", version1("TCP6 ::ffff:192.0.2.1 ::1 4660 7"), CLIENT],
  ["port 0", version1("TCP4 192.0.2.1 192.0.2.2 0 0"), net("192.0.2.1", 0)],
  [
    "the longest TCP6",
    version1(`TCP6 ${FULL} ${FULL} 65535 65535`),
    net(FULL, 65535),
  ],
  ["UNKNOWN", version1("UNKNOWN")],
  ["UNKNOWN and more", version1("UNKNOWN \r\0 \n \xff")],
  ["the longest line", version1(`UNKNOWN ${"x".repeat(91)}`)],
  ["INET", version2(0x11, INET), CLIENT],
  ["INET6", version2(0x21, INET6), CLIENT6],
  ["INET6 mapped", version2(0x21, MAPPED), CLIENT],
  ["UNIX", version2(0x31, unixBlock("/run/a")), unix("/run/a")],
  ["UNIX unnamed", version2(0x31, unixBlock("")), unix("")],
  ["UNIX abstract", version2(0x31, unixBlock("\0a")), unix("\0a")],
  [
    "the longest UNIX",
    version2(0x31, unixBlock("x".repeat(108))),
    unix("x".repeat(108)),
  ],
  ["UNSPEC", version2(0x00)],
  ["UNSPEC and more", version2(0x00, INET)],
  ["an UNSPEC family", version2(0x01, INET)],
  ["an UNSPEC protocol", version2(0x10, INET)],
  ["datagrams of INET", version2(0x12, INET)],
  ["datagrams of INET6", version2(0x22, INET6)],
  ["datagrams of UNIX", version2(0x32, unixBlock("/run/a"))],
  ["LOCAL", version2(0x00, [], LOCAL)],
  ["LOCAL and addresses", version2(0x11, INET, LOCAL)],
  ["LOCAL and anything", version2(0xff, [3, 0, 4], LOCAL)],
  [
    "values",
    version2(0x11, [...INET, ...value(1, [104, 50]), ...value(0xea, [])]),
    CLIENT,
  ],
  [
    "the longest header",
    version2(0x11, [...INET, ...value(4, Array(4081).fill(1))]),
    CLIENT,
  ],
  ["a sum", version2(0x11, [...INET, ...SUM]), CLIENT],
  [
    "a sum between others",
    version2(0x11, [
      ...INET,
      ...value(4, [9]),
      ...SUM_BETWEEN,
      ...value(1, [104, 50]),
    ]),
    CLIENT,
  ],
  ["LOCAL and a sum", version2(0x00, SUM_LOCAL, LOCAL)],
];

const MALFORMED = "malformed PROXY header";
const LONG = "PROXY header too long";
const NONE = "no PROXY header";
const WRONG_SUM = "wrong checksum in the PROXY header";

const INVALID: readonly [what: string, Uint8Array, reason: string][] = [
  ...[
    "TCP4",
    "TCP4 ",
    "TCP4 192.0.2.1 192.0.2.2 1",
    "TCP4 192.0.2.1 192.0.2.2 1 2 3",
    "TCP4 192.0.2.1 192.0.2.2 1 2 ",
    "TCP4  192.0.2.1 192.0.2.2 1 2",
    " TCP4 192.0.2.1 192.0.2.2 1 2",
    "TCP4 192.0.2.1\t192.0.2.2 1 2",
    "TCP4 192.0.2.1 192.0.2.2 1 2\r",
    "TCP4 192.0.2.1 192.0.2.2 1\n2",
    "TCP4 192.0.2.1 192.0.2.2 01 2",
    "TCP4 192.0.2.1 192.0.2.2 1 02",
    "TCP4 192.0.2.1 192.0.2.2 65536 2",
    "TCP4 192.0.2.1 192.0.2.2 1 65536",
    "TCP4 192.0.2.1 192.0.2.2 +1 2",
    "TCP4 192.0.2.1 192.0.2.2 -1 2",
    "TCP4 192.0.2.1 192.0.2.2 1e1 2",
    "TCP4 192.0.2.256 192.0.2.2 1 2",
    "TCP4 192.0.2.1 192.0.2.256 1 2",
    "TCP4 192.0.2 192.0.2.2 1 2",
    "TCP4 192.0.2.01 192.0.2.2 1 2",
    "TCP4 0x7f.1 192.0.2.2 1 2",
    "TCP4 2001:db8::1 2001:db8::2 1 2",
    "TCP4 localhost localhost 1 2",
    "TCP6 192.0.2.1 192.0.2.2 1 2",
    "TCP6 2001:db8::1 192.0.2.2 1 2",
    "TCP6 [2001:db8::1] 2001:db8::2 1 2",
    "TCP6 fe80::1%eth0 2001:db8::2 1 2",
    "TCP6 2001::db8::1 2001:db8::2 1 2",
    "TCP6 1:2:3:4:5:6:7 2001:db8::2 1 2",
    "TCP6 12345::1 2001:db8::2 1 2",
    "TCP5 192.0.2.1 192.0.2.2 1 2",
    "tcp4 192.0.2.1 192.0.2.2 1 2",
    "UDP4 192.0.2.1 192.0.2.2 1 2",
    "UNKNOWNS",
    "unknown",
    "",
  ].map((text): [string, Uint8Array, string] => [
    `the line ${JSON.stringify(text)}`,
    version1(text),
    MALFORMED,
  ]),
  [
    "a line that is one byte too long",
    version1(`UNKNOWN ${"x".repeat(92)}`),
    LONG,
  ],
  [
    "a line without an end",
    new TextEncoder().encode("PROXY ".repeat(20)),
    LONG,
  ],
  ["HTTP", new TextEncoder().encode("GET / HTTP/1.1\r\n"), NONE],
  ["a line of another protocol", new TextEncoder().encode("PROXIED"), NONE],
  ["TLS", Uint8Array.of(0x16, 3, 1, 2, 0, 1), NONE],
  ["a blank line", new TextEncoder().encode("\r\n\r\nhello"), NONE],
  ["version 1 in binary", version2(0x11, INET, 0x11), MALFORMED],
  ["version 3", version2(0x11, INET, 0x31), MALFORMED],
  ["an unknown command", version2(0x11, INET, 0x22), MALFORMED],
  ["an unknown family", version2(0x41, INET), MALFORMED],
  ["an unknown protocol", version2(0x13, INET), MALFORMED],
  ["too few addresses", version2(0x11, INET.slice(1)), MALFORMED],
  ["too few of INET6", version2(0x21, INET), MALFORMED],
  ["too few of UNIX", version2(0x31, INET6), MALFORMED],
  ["half a value", version2(0x11, [...INET, 1, 0]), MALFORMED],
  ["a value that is cut", version2(0x11, [...INET, 1, 0, 2, 9]), MALFORMED],
  [
    "a sum of three bytes",
    version2(0x11, [...INET, ...value(3, [1, 2, 3])]),
    MALFORMED,
  ],
  [
    "a wrong sum",
    version2(0x11, [...INET, ...value(3, [0x2a, 0x48, 0x2a, 0x9b])]),
    WRONG_SUM,
  ],
  [
    "the sum of another header",
    version2(0x11, [...INET.with(0, 193), ...SUM]),
    WRONG_SUM,
  ],
  [
    "LOCAL and a wrong sum",
    version2(0x00, value(3, [0, 0, 0, 0]), LOCAL),
    WRONG_SUM,
  ],
  [
    "LOCAL of an unknown family and a wrong sum",
    version2(0xff, value(3, [0, 0, 0, 0]), LOCAL),
    WRONG_SUM,
  ],
  [
    "a header that is one byte too long",
    version2(0x11, [...INET, ...value(4, Array(4082).fill(1))]),
    LONG,
  ],
  ["the length of 65535", version2(0x00, Array(65535).fill(0)), LONG],
];

Deno.test("A header is read, however it is cut", () => {
  for (const [what, header, source] of VALID) {
    for (let cut = 0; cut < header.length; cut++) {
      assertEquals(readProxyHeader(header.subarray(0, cut)), undefined, what);
    }
    const { length } = header;
    assertEquals(readProxyHeader(header), { length, source }, what);
    const more = Uint8Array.of(...header, ...header);
    assertEquals(readProxyHeader(more), { length, source }, what);
  }
});

Deno.test("Anything else is refused, however it is cut", () => {
  for (const [what, header, reason] of INVALID) {
    for (let cut = 0; cut <= header.length; cut++) {
      const result = resultOf(header.subarray(0, cut));
      const isRight = result === reason ||
        result === undefined && cut < header.length;
      assert(isRight, `${what}, ${cut} bytes of it: ${result}`);
    }
  }
});

Deno.test("What cannot become a header is refused at once", () => {
  const refused: Record<string, Uint8Array> = {
    [NONE]: new TextEncoder().encode("G"),
    [MALFORMED]: version2(0x11, INET, 0x22).subarray(0, 13),
    [LONG]: version2(0x11, Array(4097).fill(0)).subarray(0, 16),
  };
  for (const [reason, bytes] of Object.entries(refused)) {
    const { name } = assertThrows(
      () => readProxyHeader(bytes),
      ProxyError,
      reason,
    );
    assertEquals(name, "ProxyError");
    const before = bytes.subarray(0, -1);
    assertEquals(readProxyHeader(before), undefined);
  }
});

Deno.test("Version 2 alone tells of the client of a Unix socket", () => {
  const long = unix("x".repeat(109));
  for (
    const [source, told] of [
      [unix("/run/a"), unix("/run/a")],
      [unix("\0a"), unix("\0a")],
      [unix(""), unix("")],
      [unix("é".repeat(54)), unix("é".repeat(54))],
      [long, undefined],
      [CLIENT, undefined],
    ] as const
  ) {
    const header = makeProxyHeader(2, source, unix("/run/b"));
    const { length } = header;
    assertEquals(readProxyHeader(header), { length, source: told });
    const line = makeProxyHeader(1, source, unix("/run/b"));
    assertEquals(new TextDecoder().decode(line), "PROXY UNKNOWN\r\n");
  }
  assertEquals(
    makeProxyHeader(2, unix("/run/here"), unix("/run/there")),
    version2(0x31, unixBlock("/run/here")),
  );
});

Deno.test("A header tells of the client that it was made for", () => {
  for (const version of [1, 2] as const) {
    for (
      const [source, destination, told] of [
        [CLIENT, net("192.0.2.2", 7), CLIENT],
        [CLIENT6, net("::1", 7), CLIENT6],
        [net("::ffff:192.0.2.1", 4660), net("127.0.0.1", 7), CLIENT],
        [net("::", 65535), net("::", 0), net("::", 65535)],
        [CLIENT, net("::1", 7), undefined],
        [net("not an address", 1), CLIENT, undefined],
      ] as const
    ) {
      const header = makeProxyHeader(version, source, destination);
      const { length } = header;
      assertEquals(readProxyHeader(header), { length, source: told });
    }
  }
});

Deno.test("A header is of the version that it is to be", () => {
  const ends = [CLIENT, net("192.0.2.2", 7)] as const;
  const line = version1("TCP4 192.0.2.1 192.0.2.2 4660 7");
  assertEquals(makeProxyHeader(1, ...ends), line);
  assertEquals(makeProxyHeader(2, ...ends), version2(0x11, INET));
  const line6 = version1("TCP6 2001:db8::1 2001:db8::2 4660 7");
  const ends6 = [CLIENT6, net("2001:db8::2", 7)] as const;
  assertEquals(makeProxyHeader(1, ...ends6), line6);
  assertEquals(makeProxyHeader(2, ...ends6), version2(0x21, INET6));
  for (const none of [[CLIENT, CLIENT6], [unix("/a"), CLIENT]] as const) {
    assertEquals(makeProxyHeader(1, ...none), version1("UNKNOWN"));
    assertEquals(makeProxyHeader(2, ...none), version2(0x00, [], LOCAL));
  }
});

/** The header, or the reason why there is none. */
function resultOf(bytes: Uint8Array): unknown {
  try {
    return readProxyHeader(bytes);
  } catch (error) {
    assert(error instanceof ProxyError, String(error));
    return error.message;
  }
}

function net(hostname: string, port: number): Addr {
  return { transport: "tcp", hostname, port };
}

function unix(path: string): Addr {
  return { transport: "unix", path };
}

/** The addresses of two Unix sockets, padded with NUL. */
function unixBlock(source: string): number[] {
  const block = new Uint8Array(216);
  block.set(new TextEncoder().encode(source));
  block.set(new TextEncoder().encode("/run/there"), 108);
  return [...block];
}
