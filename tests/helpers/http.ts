import { settled } from "./fake_clock.ts";
import { MemoryConnection, type MemoryListener } from "./memory.ts";

/** An answer, as a client sees it. */
export interface Received {
  readonly status: number;
  readonly headers: ReadonlyMap<string, string>;
  readonly body: string;
}

/** A client of an HTTP server in memory. */
export class HttpClient {
  readonly connection = new MemoryConnection();

  constructor(listener: MemoryListener) {
    listener.connect(this.connection);
  }

  /** Sends text, one byte for each character; resolves when it has been dealt with. */
  async send(text: string): Promise<void> {
    this.connection.send(Array.from(text, (one) => one.charCodeAt(0)));
    await settled();
  }

  /** What the server has sent since the last time. */
  receive(): string {
    return new TextDecoder().decode(new Uint8Array(this.connection.take()));
  }

  /** Sends a request with these header fields; resolves with the answer. */
  async ask(line: string, ...fields: string[]): Promise<Received> {
    await this.send([line, ...fields, "", ""].join("\r\n"));
    return parseAnswer(this.receive());
  }
}

/** Parses an answer. */
export function parseAnswer(text: string): Received {
  const [head = "", ...rest] = text.split("\r\n\r\n");
  const [first = "", ...fields] = head.split("\r\n");
  return {
    status: Number(/^HTTP\/1\.1 (\d{3}) [A-Z]/.exec(first)?.[1]),
    headers: new Map(fields.map((field) => {
      const [, name = "", value = ""] = /^([\w-]+): (.*)$/.exec(field) ?? [];
      return [name.toLowerCase(), value];
    })),
    body: rest.join("\r\n\r\n"),
  };
}
