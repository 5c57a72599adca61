import { formatAddr, formatEndpoint } from "../../src/core/format_addr.ts";
import {
  canBeShared,
  looksLikeEndpoint,
  parseEndpoint,
  parsePlainEndpoint,
} from "../../src/listen/endpoint.ts";
import { assertEquals, assertThrows } from "../helpers/assert.ts";

Deno.test("parseEndpoint() reads what formatEndpoint() writes", () => {
  for (
    const url of [
      "tcp://127.0.0.1:3000",
      "tcp://[::1]:0",
      "tls://localhost:65535",
      "udp://example.com:7",
      "unix:///run/echod.sock",
      "unix:///a b/%20:1",
      "fd://0",
      "fd://12",
    ]
  ) {
    assertEquals(formatEndpoint(parseEndpoint(url).addr), url);
  }
});

Deno.test("parseEndpoint() takes no host for every address", () => {
  const every = { transport: "tcp", hostname: "::", port: 3000 };
  assertEquals<object>(parseEndpoint("tcp://:3000").addr, every);
  assertEquals<object>(parseEndpoint("tcp://[::]:3000").addr, every);
});

Deno.test("parseEndpoint() reads parameters as they are, in order", () => {
  const cases: Record<string, object> = {
    "tcp://:1": [],
    "tcp://:1?a": [["a", undefined]],
    "udp://:1?a=": [["a", ""]],
    "tls://:1?a=10%&b&a=x=y?z%41+": [
      ["a", "10%"],
      ["b", undefined],
      ["a", "x=y?z%41+"],
    ],
    "unix:///a&b=c?d=/e/": [["d", "/e/"]],
  };
  for (const [url, expected] of Object.entries(cases)) {
    const endpoint = parseEndpoint(url);
    assertEquals(endpoint.url, url);
    assertEquals<object>(endpoint.parameters, expected);
    const [address] = url.split("?");
    assertEquals(endpoint.addr, parseEndpoint(address ?? "").addr);
  }
});

Deno.test("parsePlainEndpoint() takes what can be connected to", () => {
  const { message } = assertThrows(
    () => parsePlainEndpoint("unix:///a?b"),
    SyntaxError,
  );
  assertEquals(
    message,
    'Invalid endpoint "unix:///a?b": expected no parameters, ' +
      "which are for the server's endpoints",
  );
  assertThrows(
    () => parsePlainEndpoint("fd://3"),
    SyntaxError,
    "expected no fd://, which is for the server's endpoints",
  );
  for (
    const [url, expected] of [
      ["tcp://localhost:0", "a port from 1 to 65535"],
      [
        "localhost:7",
        "tcp://HOST:PORT, tls://HOST:PORT, udp://HOST:PORT, unix:///PATH or unix:@NAME",
      ],
    ] as const
  ) {
    const { message } = assertThrows(
      () => parsePlainEndpoint(url),
      SyntaxError,
    );
    assertEquals(message, `Invalid endpoint "${url}": expected ${expected}`);
  }
  assertEquals(
    parsePlainEndpoint("tcp://:1"),
    parseEndpoint("tcp://:1").addr,
  );
});

Deno.test("parseEndpoint() says what it expected", () => {
  const all =
    "tcp://HOST:PORT, tls://HOST:PORT, udp://HOST:PORT, unix:///PATH, unix:@NAME or fd://N";
  const wrong: Record<string, string> = {
    "": all,
    "localhost:3000": all,
    "http://localhost:3000": all,
    "TCP:/localhost:3000": all,
    "tcp://": "tcp://HOST:PORT, with a port",
    "tcp://localhost": "tcp://HOST:PORT, with a port",
    "tls://localhost:": "tls://HOST:PORT, with a port",
    "udp://localhost:http": "udp://HOST:PORT, with a port",
    "tcp://::1:3000": "tcp://HOST:PORT, with a port",
    "tcp://localhost/path": "tcp://HOST:PORT, with a port",
    "tcp://localhost:3000/": "tcp://HOST:PORT, and nothing after the port",
    "tcp://localhost:3000/path": "tcp://HOST:PORT, and nothing after the port",
    "tcp://localhost:65536": "a port from 0 to 65535",
    "unix://": "unix:///PATH, a file's path",
    "fd://": "fd://N, a descriptor's number",
    "fd://-1": "fd://N, a descriptor's number",
    "fd://3:1": "fd://N, a descriptor's number",
    "fd://9999999999": "fd://N, a descriptor's number",
    "unix://relative.sock": "unix:///PATH, a file's path",
    "unix:///directory/": "unix:///PATH, a file's path",
    "unix://?delay=1s": "unix:///PATH, a file's path",
    "tcp://localhost?delay=1s": "tcp://HOST:PORT, with a port",
    "tcp://:1?": "parameters such as NAME=VALUE, with & between them",
    "tcp://:1?=1": "parameters such as NAME=VALUE, with & between them",
    "tcp://:1?a&&b": "parameters such as NAME=VALUE, with & between them",
    "tcp://:1?a&": "parameters such as NAME=VALUE, with & between them",
  };
  for (const [url, expected] of Object.entries(wrong)) {
    const { message } = assertThrows(() => parseEndpoint(url), SyntaxError);
    assertEquals(
      message,
      `Invalid endpoint ${JSON.stringify(url)}: expected ${expected}`,
    );
  }
});

Deno.test("What looks like an endpoint is one, right or wrong", () => {
  for (const arg of ["tcp://:1", "unix:///a", "http://a", "unix:@a", "x://"]) {
    assertEquals(looksLikeEndpoint(arg), true, arg);
  }
  for (
    const arg of ["", "-p", "unix:a", "unix:/a", "a:1", "://", "--x=tcp://:1"]
  ) {
    assertEquals(looksLikeEndpoint(arg), false, arg);
  }
});

Deno.test("Several sockets can share an address of TCP or TLS", () => {
  const shared = ["tcp://:1", "tls://:1", "udp://:1", "unix:///a", "unix:@a"]
    .filter((url) => canBeShared(parseEndpoint(url).addr));
  assertEquals(shared, ["tcp://:1", "tls://:1"]);
});

Deno.test("An abstract Unix socket has a name and no path", () => {
  const addr = { transport: "unix", path: "\0echod/1@x y" } as const;
  assertEquals(parseEndpoint("unix:@echod/1@x y").addr, addr);
  assertEquals(formatEndpoint(addr), "unix:@echod/1@x y");
  assertEquals(formatAddr(addr), "@echod/1@x y");
  assertEquals(parseEndpoint("unix:@a?b=1").parameters, [["b", "1"]]);
  for (const url of ["unix:@", "unix:@a\0b"]) {
    assertThrows(() => parseEndpoint(url), SyntaxError, "unix:@NAME");
  }
});
