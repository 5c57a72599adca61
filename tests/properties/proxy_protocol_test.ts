// Without npm, nor a copy of them, there are no such packages, but the other tests.
await Promise.all([
  import("./fast_check.ts"),
  import("./proxy_protocol_js.ts"),
]).then(
  () => import("./proxy_protocol.ts"),
  () => {
    const name = "PROXY headers (without fast-check or proxy-protocol-js)";
    Deno.test({ name, ignore: true, fn() {} });
  },
);
