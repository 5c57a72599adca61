import { makeHostCheck } from "../../src/admin/hosts.ts";
import { assertEquals } from "../helpers/assert.ts";

const CASES = [
  ["127.0.0.1", [], [
    "127.0.0.1",
    "127.0.0.1:9090",
    "localhost",
    "LocalHost:1",
    "[::ffff:127.0.0.1]:9090",
  ], [
    "",
    "evil.example",
    "127.0.0.1.evil.example",
    "localhost.evil.example",
    "evil.example:127.0.0.1",
    "127.0.0.2",
    "192.0.2.1",
    "[::1]",
    "localhost:port",
    "localhost:9090:1",
    "user@localhost",
    "[localhost]",
    "127.1",
  ]],
  ["::1", [], ["[::1]:9090", "[0:0:0:0:0:0:0:1]", "localhost"], [
    "::1",
    "127.0.0.1",
    "[::2]",
  ]],
  ["192.0.2.1", ["Metrics.Example", "2001:db8::1"], [
    "192.0.2.1",
    "localhost",
    "metrics.example:9090",
    "[2001:DB8::1]:80",
  ], ["example", "x.metrics.example", "192.0.2.2", "[2001:db8::2]"]],
  ["192.0.2.1", ["[2001:db8:0::1]"], ["[2001:DB8::1]:80", "[2001:db8::1]"], [
    "[2001:db8::2]",
  ]],
  ["0.0.0.0", [], ["192.0.2.1", "10.0.0.1:9090", "[::1]", "localhost"], [
    "evil.example",
    "0.evil.example:9090",
  ]],
  ["::", ["a"], ["192.0.2.1", "[2001:db8::1]:9090", "a"], ["b", ""]],
] as const;

for (const [hostname, names, good, bad] of CASES) {
  Deno.test(`Hosts by which ${hostname} may be asked${names.map((name) => `, ${name}`).join("")}`, () => {
    const isAdmitted = makeHostCheck(hostname, names);
    for (const host of good) {
      assertEquals([host, isAdmitted(host)], [host, true]);
    }
    for (const host of bad) {
      assertEquals([host, isAdmitted(host)], [host, false]);
    }
  });
}
