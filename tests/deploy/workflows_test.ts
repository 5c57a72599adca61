import config from "../../deno.json" with { type: "json" };
import manifest from "../../package.json" with { type: "json" };
import { assert, assertEquals } from "../helpers/assert.ts";

const WORKFLOWS = new URL("../../.github/workflows/", import.meta.url);
const { state } = await Deno.permissions.query({
  name: "read",
  path: WORKFLOWS,
});
const ignore = state !== "granted";

Deno.test({ name: "the workflows call tasks that exist", ignore }, async () => {
  const called = (await readWorkflows()).matchAll(/deno task ([^\s$]+)/g);
  const tasks = Object.keys(config.tasks);
  const names = Array.from(called, ([, name = ""]) => name);
  assert(names.length > 0);
  // After a colon there may be an expression.
  const isTask = (name: string) =>
    name.endsWith(":")
      ? tasks.some((task) => task.startsWith(name))
      : tasks.includes(name);
  assertEquals(names.filter((name) => !isTask(name)), []);
});

Deno.test({ name: "the workflows take the Deno of CI", ignore }, async () => {
  const [version] = /(?<=deno@)[\d.]+/.exec(manifest.scripts.test) ?? [];
  const taken = (await readWorkflows()).match(/(?<=deno-version: ).*/g) ?? [];
  assertEquals([...new Set(taken)], [version]);
});

async function readWorkflows(): Promise<string> {
  const texts = [];
  for await (const { name } of Deno.readDir(WORKFLOWS)) {
    texts.push(await Deno.readTextFile(new URL(name, WORKFLOWS)));
  }
  return texts.join("");
}
