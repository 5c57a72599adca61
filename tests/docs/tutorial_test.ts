import { assertEquals } from "../helpers/assert.ts";

const FOLDER = new URL("../../docs/tutorial/", import.meta.url);
const permissions = await Promise.all(
  (["run", "net", "read"] as const).map((name) =>
    Deno.permissions.query({ name })
  ),
);
const ignore = permissions.some(({ state }) => state !== "granted");

Deno.test({ name: "tutorial 1: one client, and the end", ignore }, async () => {
  await using step = await Step.start("1_once.ts");
  assertEquals(await say(await step.connect(), "Hello"), "Hello");
  assertEquals((await step.status).code, 0);
});

Deno.test({ name: "tutorial 2: one after another", ignore }, async () => {
  await using step = await Step.start("2_one_by_one.ts");
  const first = await step.connect();
  const second = say(await step.connect(), "second");
  assertEquals(await ask(first, "first"), "first");
  assertEquals(await isPending(second), true);
  first.close();
  assertEquals(await second, "second");
});

Deno.test({ name: "tutorial 3: all at once", ignore }, async () => {
  await using step = await Step.start("3_all_at_once.ts");
  using _first = await step.connect();
  assertEquals(await say(await step.connect(), "second"), "second");
});

for (const file of ["4_limit.ts", "5_echod.ts"]) {
  Deno.test({ name: `tutorial ${file}: two at once`, ignore }, async () => {
    await using step = await Step.start(file);
    const first = await step.connect();
    using second = await step.connect();
    const third = say(await step.connect(), "third");
    assertEquals(await ask(first, "first"), "first");
    assertEquals(await ask(second, "second"), "second");
    assertEquals(await isPending(third), true);
    first.close();
    assertEquals(await third, "third");
  });
}

Deno.test({ name: "tutorial 5: ends at SIGTERM", ignore }, async () => {
  await using step = await Step.start("5_echod.ts");
  assertEquals(await say(await step.connect(), "Hello"), "Hello");
  step.child.kill("SIGTERM");
  assertEquals((await step.status).code, 0);
});

/** A step of the tutorial, as a child process. */
class Step implements AsyncDisposable {
  readonly child: Deno.ChildProcess;
  readonly status: Promise<Deno.CommandStatus>;
  #port = 0;
  readonly #reader: ReadableStreamDefaultReader<Uint8Array>;

  private constructor(file: string) {
    this.child = new Deno.Command(Deno.execPath(), {
      args: ["run", "--quiet", "--allow-net", new URL(file, FOLDER).href],
      stdout: "piped",
      stderr: "inherit",
    }).spawn();
    this.status = this.child.status;
    this.#reader = this.child.stdout.getReader();
  }

  /** Starts it, and waits until it listens. */
  static async start(file: string): Promise<Step> {
    const step = new Step(file);
    let text = "";
    while (!text.includes("\n")) {
      const { value, done } = await step.#reader.read();
      if (done) throw new Error(`${file} ended before it listened`);
      text += new TextDecoder().decode(value);
    }
    step.#port = Number(/port (\d+)/.exec(text)?.[1]);
    return step;
  }

  connect(): Promise<Deno.TcpConn> {
    return Deno.connect({ hostname: "127.0.0.1", port: this.#port });
  }

  async [Symbol.asyncDispose]() {
    await this.#reader.cancel();
    try {
      this.child.kill("SIGKILL");
    } catch {
      // It has ended.
    }
    await this.status;
  }
}

/** Sends a text and returns its echo. */
async function ask(connection: Deno.TcpConn, text: string): Promise<string> {
  await connection.write(new TextEncoder().encode(text));
  const buffer = new Uint8Array(64);
  const length = await connection.read(buffer) ?? 0;
  return new TextDecoder().decode(buffer.subarray(0, length));
}

/** Sends a text, returns its echo, and closes the connection. */
async function say(accepted: Deno.TcpConn, text: string): Promise<string> {
  using connection = accepted;
  return await ask(connection, text);
}

/** Whether it is still waiting. */
async function isPending(promise: Promise<unknown>): Promise<boolean> {
  const soon = Promise.resolve("pending");
  return await Promise.race([promise, soon]) === "pending";
}
