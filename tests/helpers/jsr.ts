/** How a JSR answers a request, given which one it is. */
export type Answer = (
  path: string,
  index: number,
) => Response | Promise<Response>;

/** A JSR of this machine, which counts what it is asked. */
export class FakeJsr implements AsyncDisposable {
  readonly url: string;
  readonly asked: string[] = [];
  readonly #server: Deno.HttpServer<Deno.NetAddr>;
  readonly #closing = new AbortController();

  constructor(answer: Answer) {
    this.#server = Deno.serve(
      {
        hostname: "127.0.0.1",
        port: 0,
        onListen() {},
        signal: this.#closing.signal,
      },
      (request) => {
        const { pathname } = new URL(request.url);
        return answer(pathname, this.asked.push(pathname) - 1);
      },
    );
    this.url = `http://127.0.0.1:${this.#server.addr.port}/`;
  }

  async [Symbol.asyncDispose]() {
    this.#closing.abort();
    await this.#server.finished;
  }
}

/** Answers with a package of one module. */
export async function servePackage(
  name: string,
  entry: string,
  source: string,
): Promise<Answer> {
  const bytes = new TextEncoder().encode(source);
  const digest = await crypto.subtle.digest("SHA-256", bytes);
  const checksum = `sha256-${new Uint8Array(digest).toHex()}`;
  const files: Record<string, BodyInit> = {
    "meta.json": JSON.stringify({
      scope: name.slice(1, name.indexOf("/")),
      name: name.slice(name.indexOf("/") + 1),
      latest: "1.9.9",
      versions: { "1.9.9": {} },
    }),
    "1.9.9_meta.json": JSON.stringify({
      manifest: { "/mod.js": { size: bytes.length, checksum } },
      exports: { [entry]: "./mod.js" },
    }),
    "1.9.9/mod.js": source,
  };
  return (path) => {
    const file = files[path.slice(`/${name}/`.length)];
    return new Response(file ?? null, { status: file ? 200 : 404 });
  };
}
