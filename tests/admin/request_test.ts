import { HttpError, parseRequest } from "../../src/admin/request.ts";
import { assertEquals, assertThrows } from "../helpers/assert.ts";

Deno.test("parseRequest() joins the fields of one name, in whatever case", () => {
  const { headers } = parseRequest(
    "GET / HTTP/1.1\r\nAccept: a\r\nHost: b\r\naccept:  c \r\nACCEPT:",
  );
  assertEquals([...headers], [["accept", "a, c, "], ["host", "b"]]);
});

Deno.test("parseRequest() takes one Host at most", () => {
  const error = assertThrows(
    () => parseRequest("GET / HTTP/1.1\r\nHost: a\r\nHost: a"),
    HttpError,
    "More than one Host",
  );
  assertEquals(error.status, 400);
});

Deno.test("parseRequest() takes a path and a query apart at the first question mark", () => {
  const { path, query } = parseRequest("GET /a?b=1&c=?&b=2 HTTP/1.1");
  assertEquals([path, query.getAll("b"), query.get("c")], [
    "/a",
    ["1", "2"],
    "?",
  ]);
  const without = parseRequest("GET /a HTTP/1.1");
  assertEquals([without.path, without.query.size], ["/a", 0]);
});

Deno.test("parseRequest() knows whether another request may follow", () => {
  const heads: Record<string, boolean> = {
    "GET / HTTP/1.1": true,
    "GET / HTTP/1.0": false,
    "GET / HTTP/1.1\r\nConnection: Close": false,
    "GET / HTTP/1.1\r\nConnection: a, close": false,
    "GET / HTTP/1.1\r\nConnection: closed": true,
    "GET / HTTP/1.1\r\nContent-Length: 0": true,
    "GET / HTTP/1.1\r\nContent-Length: 1": false,
    "GET / HTTP/1.1\r\nTransfer-Encoding: chunked": false,
  };
  for (const [head, expected] of Object.entries(heads)) {
    assertEquals([head, parseRequest(head).keepAlive], [head, expected]);
  }
});
