import { assert, assertEquals } from "../helpers/assert.ts";
import { Client, pattern } from "../helpers/client.ts";
import { testProgram } from "../helpers/program.ts";
import { RUNTIMES } from "../helpers/runtimes.ts";

const [DENO] = RUNTIMES;

/** A step of the tutorial, run as its reader would run it. */
class Step implements AsyncDisposable {
  readonly port: number;
  readonly #child: Deno.ChildProcess;
  readonly #rest: Promise<unknown>;

  private constructor(
    child: Deno.ChildProcess,
    port: number,
    rest: Promise<unknown>,
  ) {
    this.#child = child;
    this.port = port;
    this.#rest = rest;
  }

  static async start(file: string): Promise<Step> {
    const child = new Deno.Command(DENO.command, {
      args: ["run", "--quiet", "--allow-net", `docs/tutorial/${file}`, "0"],
      cwd: new URL("../..", import.meta.url),
      stdin: "null",
      stdout: "piped",
      stderr: "null",
    }).spawn();
    const lines = child.stdout.pipeThrough(new TextDecoderStream()).getReader();
    let text = "";
    while (!text.includes("\n")) {
      const { value } = await lines.read();
      assert(value, `${file} printed no line`);
      text += value;
    }
    const port = Number(/^Listening on port (\d+)/.exec(text)?.[1]);
    const rest = (async () => {
      for (let value; (value = (await lines.read()).value);) text += value;
      return text;
    })();
    return new Step(child, port, rest);
  }

  signal(signal: Deno.Signal): void {
    this.#child.kill(signal);
  }

  async ended(): Promise<{ code: number; output: unknown }> {
    const { code } = await this.#child.status;
    return { code, output: await this.#rest };
  }

  async [Symbol.asyncDispose]() {
    try {
      this.#child.kill("SIGKILL");
    } catch {
      // It has already ended.
    }
    await this.ended();
  }
}

function test(file: string, what: string, fn: (step: Step) => Promise<void>) {
  testProgram(`docs/tutorial/${file} ${what}`, async () => {
    await using step = await Step.start(file);
    await fn(step);
  }, [DENO]);
}

test("1_one_client.ts", "serves one client, and ends", async (step) => {
  await using client = await Client.connect(step.port);
  assertEquals(await client.echo(pattern(100_000)), pattern(100_000));
  client.end();
  assertEquals((await step.ended()).code, 0);
});

test("2_one_after_another.ts", "lets the second client wait", async (step) => {
  await using first = await Client.connect(step.port);
  await using second = await Client.connect(step.port);
  assertEquals(await first.echo(pattern(9)), pattern(9));
  let isServed = false;
  const echo = second.echo(pattern(5)).finally(() => isServed = true);
  for (let round = 0; round < 10; round++) await first.echo(pattern(5));
  assert(!isServed, "the second client does not wait");
  first.end();
  assertEquals(await echo, pattern(5));
});

test("3_all_at_once.ts", "serves the second client at once", async (step) => {
  await using first = await Client.connect(step.port);
  await using second = await Client.connect(step.port);
  assertEquals(await first.echo(pattern(9)), pattern(9));
  assertEquals(await second.echo(pattern(9)), pattern(9));
});

test("3_all_at_once.ts", "ends when a client resets", async (step) => {
  await using client = await Client.connect(step.port);
  await client.echo(pattern(9));
  await client.reset();
  assertEquals((await step.ended()).code, 1);
});

test("4_no_client_ends_it.ts", "goes on when a client resets", async (step) => {
  await using client = await Client.connect(step.port);
  await client.echo(pattern(9));
  await client.reset();
  await using next = await Client.connect(step.port);
  assertEquals(await next.echo(pattern(9)), pattern(9));
});

test("5_the_real_one.ts", "drains, and says what it has done", async (step) => {
  await using client = await Client.connect(step.port);
  await client.echo(pattern(9));
  step.signal("SIGINT");
  client.end();
  const { code, output } = await step.ended();
  assertEquals(code, 0);
  assert(String(output).endsWith("Served 1 connections, 9 bytes\n"));
});
