import { addressesToBind } from "../../src/runtimes/resolve.ts";
import { assertEquals } from "../helpers/assert.ts";

Deno.test("All addresses of a loopback name are bound, of others the first", async () => {
  const cases: readonly (readonly [string[], string[]])[] = [
    [["127.0.0.1", "::1"], ["127.0.0.1", "::1"]],
    [["::1", "127.0.0.1", "::1"], ["::1", "127.0.0.1"]],
    [["192.0.2.1", "192.0.2.2"], ["192.0.2.1"]],
    [["2001:db8::1", "127.0.0.1"], ["2001:db8::1"]],
  ];
  for (const [found, bound] of cases) {
    const find = () => Promise.resolve(found);
    assertEquals(await addressesToBind("name", find), bound);
    assertEquals(await addressesToBind("192.0.2.9", find), ["192.0.2.9"]);
  }
});

Deno.test("An address is bound in its canonical form, and keeps its zone", async () => {
  const find = () => Promise.reject(new Error("looked up"));
  const cases: readonly (readonly [string, string])[] = [
    ["192.0.2.9", "192.0.2.9"],
    ["0:0:0:0:0:0:0:0", "::"],
    ["::0.0.0.0", "::"],
    ["2001:DB8:0::1", "2001:db8::1"],
    ["::ffff:0.0.0.0", "0.0.0.0"],
    ["fe80::1%eth0", "fe80::1%eth0"],
  ];
  for (const [given, bound] of cases) {
    assertEquals(await addressesToBind(given, find), [bound]);
  }
});
