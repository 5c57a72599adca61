import { assert } from "./assert.ts";
import { Program } from "./program.ts";

const { state } = await Deno.permissions.query({ name: "run" });

Deno.test({
  name: "300 busy clients get the same service",
  ignore: state !== "granted",
  async fn() {
    await using program = Program.start("-p", "0");
    const port = await program.port();
    const workers = Array.from(
      { length: 6 },
      () =>
        new Worker(new URL("busy_worker.ts", import.meta.url), {
          type: "module",
        }),
    );
    const counts = await Promise.all(
      workers.map((worker) =>
        new Promise<number[]>((resolve) => {
          worker.onmessage = ({ data }: MessageEvent<"enough" | number[]>) => {
            if (data === "enough") {
              workers.forEach((each) => each.postMessage("stop"));
            } else resolve(data);
          };
          worker.postMessage(port);
        })
      ),
    );
    for (const worker of workers) worker.terminate();
    // The workers compete for the cores, but the clients of one are equals.
    for (const group of counts) {
      const [least, most] = [Math.min(...group), Math.max(...group)];
      assert(least >= 0.5 * most, `least ${least}, most ${most} messages`);
    }
  },
});
