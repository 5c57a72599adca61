import {
  hostOf,
  isEverywhere,
  isLoopback,
  parseIp,
} from "../../src/core/ip.ts";
import { assertEquals } from "../helpers/assert.ts";

Deno.test("parseIp() gives equal addresses the same form", () => {
  const forms: Record<string, string[]> = {
    "192.0.2.1": ["192.0.2.1", "::ffff:192.0.2.1", "::FFFF:c000:201"],
    "0.0.0.0": ["0.0.0.0", "::ffff:0:0"],
    "2001:db8::1": [
      "2001:db8::1",
      "2001:0DB8:0:0:0:0:0:1",
      "2001:db8::0.0.0.1",
    ],
    "fe80::1": ["fe80::1", "fe80::1%eth0"],
    "::": ["::", "0:0:0:0:0:0:0:0"],
    // Not mapped: 96 zero bits before it, and other groups behind ffff.
    "::c000:201": ["::192.0.2.1"],
    "::ffff:0:c000:201": ["::ffff:0:192.0.2.1"],
  };
  for (const [ip, texts] of Object.entries(forms)) {
    assertEquals(texts.map(parseIp), texts.map(() => ip));
  }
});

Deno.test("parseIp() takes nothing else", () => {
  const wrong = [
    "",
    "localhost",
    "beef.cafe",
    "127.1",
    "127.0.0.1.",
    "127.0.0.01",
    "127.0.0.256",
    "1.2.3.4%eth0",
    "2130706433",
    ":",
    "::g",
    "1::2::3",
    "[::1]",
    "::1]:80/[",
    "::1/64",
    " ::1",
    "::1%",
  ];
  assertEquals(wrong.map(parseIp), wrong.map(() => undefined));
});

Deno.test("hostOf() is an IPv4 address, or the /64 of an IPv6 address", () => {
  const hosts: Record<string, string> = {
    "192.0.2.1": "192.0.2.1",
    "::ffff:192.0.2.1": "192.0.2.1",
    "2001:db8:0:1:2:3:4:5": "2001:db8:0:1::/64",
    "2001:db8:0:1::": "2001:db8:0:1::/64",
    "2001:db8::5": "2001:db8:0:0::/64",
    "2001::4:5:6:7:8": "2001:0:0:4::/64",
    "fe80::1%eth0": "fe80:0:0:0::/64",
    "::1": "0:0:0:0::/64",
    "no address": "no address",
  };
  for (const [ip, host] of Object.entries(hosts)) {
    assertEquals(hostOf(ip), host);
  }
});

Deno.test("isLoopback() knows this machine's own addresses", () => {
  const own = [
    "localhost",
    "127.0.0.1",
    "127.255.0.3",
    "::1",
    "::ffff:127.0.0.1",
  ];
  assertEquals(own.map(isLoopback), own.map(() => true));
  const others = ["0.0.0.0", "::", "192.0.2.127", "::127.0.0.1", "127.example"];
  assertEquals(others.map(isLoopback), others.map(() => false));
});

Deno.test("isEverywhere() knows the addresses that stand for all", () => {
  const all = ["::", "0.0.0.0", "::1", "127.0.0.1", "localhost", ""]
    .filter(isEverywhere);
  assertEquals(all, ["::", "0.0.0.0"]);
});
