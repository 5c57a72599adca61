// Without npm, nor a copy of it, there is no fast-check, but there are the other tests.
await import("./fast_check.ts").then(
  () => import("./properties.ts"),
  () => {
    const name = "properties (without fast-check)";
    Deno.test({ name, ignore: true, fn() {} });
  },
);
