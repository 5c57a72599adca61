/** The head of an HTTP request. */
export interface Request {
  readonly method: string;
  /** The target up to the first `?`. */
  readonly path: string;
  readonly query: URLSearchParams;
  /** The header fields, by their names in lower case; several of one name are joined. */
  readonly headers: ReadonlyMap<string, string>;
  /** The length of the body, in bytes; Infinity if the head does not say. */
  readonly bodyLength: number;
  /** Whether the client may send another request on the same connection. */
  readonly keepAlive: boolean;
}

/** A request that gets no answer but its status. */
export class HttpError extends Error {
  readonly status: number;

  constructor(status: number, message: string) {
    super(message);
    this.status = status;
  }
}

/** A name: RFC 9110, section 5.6.2. */
const TOKEN = String.raw`[!#$%&'*+.^_\x60|~\w-]+`;
const REQUEST_LINE = new RegExp(
  String.raw`^(${TOKEN}) (/[\x21-\x7e]*) HTTP/1\.([01])$`,
);
const FIELD = new RegExp(
  String.raw`^(${TOKEN}):[ \t]*([\t\x20-\x7e\x80-\xff]*?)[ \t]*$`,
);

/**
 * Parses the head of a request, without the empty line that ends it.
 *
 * @throws {HttpError} If it is not one of HTTP/1.0 or HTTP/1.1, in origin form.
 */
export function parseRequest(head: string): Request {
  const [first = "", ...lines] = head.split("\r\n");
  const [, method = "", target = "", minor] = REQUEST_LINE.exec(first) ?? [];
  if (method === "") throw new HttpError(400, "Not a request of HTTP/1.1");

  const headers = new Map<string, string>();
  for (const line of lines) {
    const [, name = "", value = ""] = FIELD.exec(line) ?? [];
    if (name === "") throw new HttpError(400, "Not a header field");
    const key = name.toLowerCase();
    const former = headers.get(key);
    if (former !== undefined && key === "host") {
      throw new HttpError(400, "More than one Host");
    }
    headers.set(key, former === undefined ? value : `${former}, ${value}`);
  }

  const query = target.indexOf("?");
  const path = query < 0 ? target : target.slice(0, query);
  const bodyLength = readLength(headers);
  const connection = headers.get("connection")?.toLowerCase() ?? "";
  return {
    method,
    path,
    query: new URLSearchParams(query < 0 ? "" : target.slice(query)),
    headers,
    bodyLength,
    // After a body, which nobody reads, there is no finding the next request.
    keepAlive: minor === "1" && bodyLength === 0 &&
      !/(^|[ ,])close([ ,]|$)/.test(connection),
  };
}

function readLength(headers: ReadonlyMap<string, string>): number {
  if (headers.has("transfer-encoding")) return Infinity;
  const length = headers.get("content-length") ?? "0";
  if (/^\d+$/.test(length)) return Number(length);
  throw new HttpError(400, "Content-Length is not a number");
}
