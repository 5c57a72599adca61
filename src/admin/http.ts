import type { Connection, Listener } from "../core/transport.ts";
import { HttpError, parseRequest, type Request } from "./request.ts";

/** The largest request, with its body, in bytes. */
const LARGEST = 8 * 1024;
/**
 * How long a client may take to send a request, or to receive a part of the
 * answer, in milliseconds.
 */
const PATIENCE = 5_000;
/** The number of connections at the same time; others wait to be accepted. */
const PLACES = 64;
/** How long to wait after a failed `accept`, in milliseconds. */
const BACKOFF = 100;
/** How much of an answer is written at a time, in bytes. */
const PART = 16 * 1024;

const REASONS: Readonly<Record<number, string>> = {
  200: "OK",
  400: "Bad Request",
  403: "Forbidden",
  404: "Not Found",
  405: "Method Not Allowed",
  431: "Request Header Fields Too Large",
  500: "Internal Server Error",
  503: "Service Unavailable",
};

/** Header fields of every answer. They forbid caching, embedding and guessing of types. */
const HEADERS = {
  "Cache-Control": "no-store",
  "X-Content-Type-Options": "nosniff",
  "Cross-Origin-Resource-Policy": "same-origin",
};

/** An answer to a request. */
export interface Answer {
  readonly status: number;
  /** The media type of the body; plain text unless it is given. */
  readonly type?: string;
  readonly headers?: Readonly<Record<string, string>>;
  /** The text, or what sends it part by part until the client has gone. */
  readonly body: string | Sender;
}

/**
 * Sends a body part by part. `send` resolves when the client has received the
 * part, and rejects once it has gone, when `gone` aborts too.
 */
export type Sender = (
  send: (text: string) => Promise<void>,
  gone: AbortSignal,
) => Promise<void>;

/** Answers a request. What it throws is an {@linkcode HttpError}, or means a 500. */
export type Handler = (request: Request) => Answer | Promise<Answer>;

/**
 * A small HTTP/1.1 server for short requests without a body.
 *
 * It is not that of `node:http`, because on Deno that one is deaf for ever once it
 * could not accept a connection for want of a descriptor, which is just when an
 * operator wants to know.
 */
export class HttpServer {
  /** Resolves when it has been closed and its last connection has ended. */
  readonly finished: Promise<void>;
  readonly #listener: Listener;
  readonly #handler: Handler;
  readonly #clients = new Set<Client>();
  #closed = false;
  #wake = () => {};

  /** @param listener The bound listener, which it will close. */
  constructor(listener: Listener, handler: Handler) {
    this.#listener = listener;
    this.#handler = handler;
    this.finished = this.#run();
  }

  /** Closes the listener and all connections. */
  close(): Promise<void> {
    if (!this.#closed) {
      this.#closed = true;
      this.#listener.close();
      for (const client of this.#clients) client.close();
      this.#wake();
    }
    return this.finished;
  }

  async #run(): Promise<void> {
    while (!this.#closed) {
      if (this.#clients.size >= PLACES) {
        await this.#change();
        continue;
      }
      let connection: Connection | null;
      try {
        connection = await this.#listener.accept();
      } catch {
        await this.#change(BACKOFF);
        continue;
      }
      if (connection === null) break;
      this.#serve(new Client(connection));
    }
    while (this.#clients.size > 0) await this.#change();
  }

  async #serve(client: Client): Promise<void> {
    this.#clients.add(client);
    if (this.#closed) client.close();
    try {
      while (await this.#answerNext(client));
      await client.finish();
    } catch {
      // The client has gone, or its time is over.
    }
    client.close();
    this.#clients.delete(client);
    this.#wake();
  }

  /** Answers a request. Resolves with whether there may be another. */
  async #answerNext(client: Client): Promise<boolean> {
    let request: Request | undefined;
    try {
      const head = await client.readHead();
      if (head === undefined) return false;
      request = parseRequest(head);
      if (head.length + request.bodyLength > LARGEST) throw tooLarge();
      await client.answer(await this.#handler(request), request);
      return request.keepAlive;
    } catch (error) {
      if (client.isClosed) throw error;
      const { status, message } = error instanceof HttpError
        ? error
        : { status: 500, message: "It cannot be told for now" };
      await client.answer({ status, body: `${message}\n` });
      return false;
    }
  }

  /** Resolves when a connection has ended, when the server is closed, or after `ms`. */
  #change(ms?: number): Promise<void> {
    return new Promise((resolve) => {
      const timer = ms === undefined ? undefined : setTimeout(resolve, ms);
      this.#wake = () => {
        clearTimeout(timer);
        resolve();
      };
    });
  }
}

/** One connection. */
class Client {
  isClosed = false;
  readonly #connection: Connection;
  readonly #buffer = new Uint8Array(LARGEST);
  /** How many bytes of the buffer have been received and not been used yet. */
  #length = 0;

  constructor(connection: Connection) {
    this.#connection = connection;
  }

  /**
   * Reads the head of the next request, one character for each byte. Resolves
   * with undefined when there is none.
   */
  async readHead(): Promise<string | undefined> {
    const isOver = this.#timeout();
    try {
      for (;;) {
        const text = latin1(this.#buffer.subarray(0, this.#length));
        const end = text.indexOf("\r\n\r\n");
        if (end >= 0) {
          this.#buffer.copyWithin(0, end + 4, this.#length);
          this.#length -= end + 4;
          return text.slice(0, end);
        }
        if (this.#length === LARGEST) throw tooLarge();
        const count = await this.#connection.read(
          this.#buffer.subarray(this.#length),
        );
        if (count === null) return undefined;
        this.#length += count;
      }
    } finally {
      isOver();
    }
  }

  /** Writes an answer; that to a request that could not be read, without the request. */
  async answer(
    { status, type = "text/plain; charset=utf-8", headers, body }: Answer,
    request?: Request,
  ): Promise<void> {
    const isText = typeof body === "string";
    const fields = {
      Date: new Date().toUTCString(),
      "Content-Type": type,
      // Another body ends with the connection.
      ...(isText &&
        { "Content-Length": new TextEncoder().encode(body).length }),
      Connection: isText && request?.keepAlive ? "keep-alive" : "close",
      ...HEADERS,
      ...headers,
    };
    const head = [
      `HTTP/1.1 ${status} ${REASONS[status] ?? ""}`,
      ...Object.entries(fields).map(([name, value]) => `${name}: ${value}`),
    ].join("\r\n");
    const isWhole = isText && request?.method !== "HEAD";
    await this.#write(`${head}\r\n\r\n${isWhole ? body : ""}`);
    if (!isText && request?.method !== "HEAD") await this.#stream(body);
  }

  /** Ends the connection so that the last answer arrives. */
  async finish(): Promise<void> {
    const isOver = this.#timeout();
    try {
      await this.#connection.closeWrite?.();
      await this.#drain();
    } finally {
      isOver();
    }
  }

  close(): void {
    if (this.isClosed) return;
    this.isClosed = true;
    try {
      this.#connection.close();
    } catch {
      // It had gone already.
    }
  }

  async #stream(sender: Sender): Promise<void> {
    const gone = new AbortController();
    // Nothing more is expected of the client: it is read to see when it goes.
    const reading = this.#drain().catch(() => {}).then(() => gone.abort());
    await sender(async (text) => {
      gone.signal.throwIfAborted();
      await this.#write(text);
    }, gone.signal);
    this.close();
    await reading;
  }

  async #write(text: string): Promise<void> {
    const bytes = new TextEncoder().encode(text);
    for (let sent = 0; sent < bytes.length;) {
      const isOver = this.#timeout();
      try {
        const part = bytes.subarray(sent, sent + PART);
        sent += await this.#connection.write(part);
      } finally {
        isOver();
      }
    }
  }

  /** Drops what the client sends, until it ends its side. */
  async #drain(): Promise<void> {
    while (await this.#connection.read(this.#buffer) !== null);
  }

  /** Closes the connection unless it is called off in time. */
  #timeout(): () => void {
    const timer = setTimeout(() => this.close(), PATIENCE);
    return () => clearTimeout(timer);
  }
}

function tooLarge(): HttpError {
  return new HttpError(431, `A request has ${LARGEST} bytes at most`);
}

function latin1(bytes: Uint8Array): string {
  return String.fromCharCode(...bytes);
}
