// Without npm, nor a copy of it, there is no fast-check, but there are the other tests.
await import("fast-check").then(
  () => import("./properties.ts"),
  () => Deno.test({ name: "Properties", ignore: true, fn() {} }),
);
