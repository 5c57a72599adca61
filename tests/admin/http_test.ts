import { type Answer, type Handler, HttpServer } from "../../src/admin/http.ts";
import type { Request } from "../../src/admin/request.ts";
import { assert, assertEquals } from "../helpers/assert.ts";
import { FakeClock, settled } from "../helpers/fake_clock.ts";
import { HttpClient, parseAnswer } from "../helpers/http.ts";
import { MemoryListener, systemError } from "../helpers/memory.ts";

const HOST = "Host: localhost";

/** A server in memory that keeps the requests it has got. */
class Fixture implements AsyncDisposable {
  readonly listener = new MemoryListener();
  readonly requests: Request[] = [];
  readonly server: HttpServer;

  constructor(handler: Handler = () => ({ status: 200, body: "told\n" })) {
    this.server = new HttpServer(this.listener, (request) => {
      this.requests.push(request);
      return handler(request);
    });
  }

  connect(): HttpClient {
    return new HttpClient(this.listener);
  }

  async [Symbol.asyncDispose]() {
    await this.server.close();
  }
}

Deno.test("A request is answered, and the next one on the same connection", async () => {
  await using fixture = new Fixture();
  const client = fixture.connect();
  const { status, headers, body } = await client.ask(
    "GET /a?b=c HTTP/1.1",
    HOST,
  );
  assertEquals([status, body], [200, "told\n"]);
  assertEquals(headers.get("content-length"), "5");
  assertEquals(headers.get("connection"), "keep-alive");
  assertEquals(headers.get("cache-control"), "no-store");
  assertEquals(headers.get("x-content-type-options"), "nosniff");
  assertEquals((await client.ask("GET /d HTTP/1.1", HOST)).status, 200);
  const [first, second] = fixture.requests;
  assertEquals([first?.path, first?.query.get("b")], ["/a", "c"]);
  assertEquals([second?.path, second?.query.size], ["/d", 0]);
  assertEquals(first?.headers.get("host"), "localhost");
});

Deno.test("A request may come byte by byte, or several at once", async () => {
  await using fixture = new Fixture();
  const client = fixture.connect();
  for (const byte of `GET / HTTP/1.1\r\n${HOST}\r\n\r\n`) {
    await client.send(byte);
  }
  assertEquals(parseAnswer(client.receive()).body, "told\n");
  await client.send(`GET /1 HTTP/1.1\r\n\r\nGET /2 HTTP/1.1\r\n\r\n`);
  assertEquals(client.receive().match(/told/g)?.length, 2);
  assertEquals(fixture.requests.map(({ path }) => path), ["/", "/1", "/2"]);
});

Deno.test("HEAD gets the header alone", async () => {
  await using fixture = new Fixture();
  const client = fixture.connect();
  const { status, headers, body } = await client.ask("HEAD / HTTP/1.1");
  assertEquals([status, headers.get("content-length"), body], [200, "5", ""]);
});

for (
  const [name, line, ...fields] of [
    ["that asks for it", "GET / HTTP/1.1", "Connection: x, Close"],
    ["of HTTP/1.0", "GET / HTTP/1.0"],
    ["with a body", "POST / HTTP/1.1", "Content-Length: 3"],
    [
      "with a body of any length",
      "GET / HTTP/1.1",
      "Transfer-Encoding: chunked",
    ],
  ] as const
) {
  Deno.test(`The connection of a request ${name} is closed in good order`, async () => {
    await using fixture = new Fixture();
    const client = fixture.connect();
    const { headers } = await client.ask(line, ...fields);
    assertEquals(headers.get("connection"), "close");
    // What still comes is dropped, until the client has ended its side.
    await client.send("more");
    assertEquals([client.receive(), client.connection.closed], ["", 0]);
    client.connection.end();
    await settled();
    assertEquals(client.connection.closed, 1);
  });
}

for (
  const [name, text] of [
    ["another protocol", "\x16\x03\x01\r\n\r\n"],
    ["HTTP/2", "PRI * HTTP/2.0\r\n\r\n"],
    ["no version", "GET /\r\n\r\n"],
    ["a target without a slash", "GET http://localhost/ HTTP/1.1\r\n\r\n"],
    ["a control character in the target", "GET /\x01 HTTP/1.1\r\n\r\n"],
    ["a field without a colon", "GET / HTTP/1.1\r\nHost\r\n\r\n"],
    ["a space before the colon", "GET / HTTP/1.1\r\nHost : a\r\n\r\n"],
    ["a folded field", "GET / HTTP/1.1\r\nHost: a\r\n b\r\n\r\n"],
    ["a lone line feed", "GET / HTTP/1.1\r\nHost: a\nX: b\r\n\r\n"],
    ["two hosts", "GET / HTTP/1.1\r\nHost: a\r\nhost: b\r\n\r\n"],
    ["a wrong length", "GET / HTTP/1.1\r\nContent-Length: -1\r\n\r\n"],
  ] as const
) {
  Deno.test(`A request with ${name} gets 400, and is the last`, async () => {
    await using fixture = new Fixture();
    const client = fixture.connect();
    await client.send(text);
    const { status, headers } = parseAnswer(client.receive());
    assertEquals([status, headers.get("connection")], [400, "close"]);
    assertEquals(fixture.requests, []);
  });
}

Deno.test("A request of 8 KiB is answered, one beyond gets 431", async () => {
  await using fixture = new Fixture();
  const request = (bytes: number, ...fields: string[]) => {
    const start = ["GET / HTTP/1.1", ...fields, "X: "].join("\r\n");
    return `${start}${"x".repeat(bytes - start.length - 4)}\r\n\r\n`;
  };
  const client = fixture.connect();
  await client.send(request(8 * 1024));
  assertEquals(parseAnswer(client.receive()).status, 200);
  for (
    const text of [
      request(8 * 1024 + 1),
      request(1024 * 1024),
      request(8 * 1024, "Content-Length: 10"),
    ]
  ) {
    const client = fixture.connect();
    await client.send(text);
    assertEquals(parseAnswer(client.receive()).status, 431);
  }
  assertEquals(fixture.requests.length, 1);
});

Deno.test("A client that dawdles for 5 s is closed", async () => {
  using clock = new FakeClock();
  const fixture = new Fixture();
  const silent = fixture.connect();
  const slow = fixture.connect();
  const idle = fixture.connect();
  const greedy = fixture.connect();
  greedy.connection.room = 10;
  await greedy.send("GET / HTTP/1.1\r\n\r\n");
  await clock.advance(1_000);
  await idle.ask("GET / HTTP/1.1");
  await slow.send("GET ");
  await clock.advance(3_900);
  assertEquals(silent.connection.closed, 0);
  await slow.send("/ HTTP");
  await clock.advance(200);
  const closed = () =>
    [silent, slow, greedy, idle].map(({ connection }) => connection.closed);
  assertEquals(closed(), [1, 1, 1, 0]);
  await clock.advance(1_000);
  assertEquals(closed(), [1, 1, 1, 1]);
  await fixture.server.close();
  assertEquals(clock.timers, 0);
});

Deno.test("A handler that fails gives 500, without a word of why", async () => {
  await using fixture = new Fixture(() => {
    throw new Error("secret");
  });
  const { status, body } = await fixture.connect().ask("GET / HTTP/1.1");
  assertEquals([status, /secret/.test(body)], [500, false]);
});

Deno.test("At most 64 connections are served; the next one waits for a place", async () => {
  await using fixture = new Fixture();
  const clients = Array.from({ length: 64 }, () => fixture.connect());
  const next = fixture.connect();
  await next.send("GET / HTTP/1.1\r\n\r\n");
  assertEquals([next.receive(), fixture.listener.waiting], ["", 1]);
  clients[5]?.connection.fail(systemError("ECONNRESET"));
  await settled();
  assertEquals(parseAnswer(next.receive()).status, 200);
});

Deno.test("A failed accept is tried again", async () => {
  using clock = new FakeClock();
  const fixture = new Fixture();
  fixture.listener.failAccept(systemError("EMFILE"));
  fixture.listener.failAccept(systemError("EMFILE"));
  const client = fixture.connect();
  await client.send("GET / HTTP/1.1\r\n\r\n");
  await clock.advance(200);
  assertEquals(parseAnswer(client.receive()).status, 200);
  await fixture.server.close();
});

Deno.test("A body can be sent part by part, until the client has gone", async () => {
  const parts: ((text: string) => Promise<void>)[] = [];
  const goes: string[] = [];
  const answer: Answer = {
    status: 200,
    type: "text/event-stream",
    async body(send, gone) {
      parts.push(send);
      await send("first");
      await new Promise<void>((resolve) =>
        gone.addEventListener("abort", () => resolve())
      );
      goes.push("gone");
    },
  };
  await using fixture = new Fixture(() => answer);
  const client = fixture.connect();
  const { headers, body } = await client.ask("GET / HTTP/1.1");
  assertEquals([headers.get("content-length"), body], [undefined, "first"]);
  assertEquals(headers.get("connection"), "close");
  await parts[0]?.("second");
  assertEquals(client.receive(), "second");
  client.connection.fail(systemError("ECONNRESET"));
  await settled();
  assertEquals(goes, ["gone"]);
  const error = await parts[0]?.("third").catch((error) => error);
  assert(error instanceof Error);
});

Deno.test("close() ends every connection, and is done when they have ended", async () => {
  const fixture = new Fixture(() => ({
    status: 200,
    body: (_, gone) =>
      new Promise((resolve) => gone.addEventListener("abort", () => resolve())),
  }));
  const idle = fixture.connect();
  const streaming = fixture.connect();
  await streaming.send("GET / HTTP/1.1\r\n\r\n");
  await fixture.server.close();
  assertEquals(fixture.listener.closed, 1);
  assertEquals([idle.connection.closed, streaming.connection.closed], [1, 1]);
  await fixture.server.close();
});
