import { formatBytes, formatCount, formatTime } from "../../src/cli/format.ts";
import { formatAddr, formatEndpoint } from "../../src/core/format_addr.ts";
import { assertEquals } from "../helpers/assert.ts";

Deno.test("formatBytes() uses the largest unit of which there is one", () => {
  const MiB = 1024 * 1024;
  assertEquals(
    [
      0,
      1,
      1023,
      1023.5,
      1024,
      1023.4 * 1024,
      1536,
      MiB - 1,
      3.4 * MiB,
      2 ** 60,
      2 ** 70,
    ].map(
      formatBytes,
    ),
    [
      "0 B",
      "1 B",
      "1023 B",
      "1023.5 B",
      "1.0 KiB",
      "1023.4 KiB",
      "1.5 KiB",
      "1.0 MiB",
      "3.4 MiB",
      "1024.0 PiB",
      "1048576.0 PiB",
    ],
  );
});

Deno.test("formatTime() uses the two largest units", () => {
  assertEquals(
    [
      0,
      999.4,
      999.5,
      8_000,
      59_499,
      59_500,
      303_000,
      3_599_000,
      3_600_000,
      7_500_000,
    ].map(
      formatTime,
    ),
    [
      "0 ms",
      "999 ms",
      "1 s",
      "8 s",
      "59 s",
      "1 min 0 s",
      "5 min 3 s",
      "59 min 59 s",
      "1 h 0 min",
      "2 h 5 min",
    ],
  );
});

Deno.test("formatCount() knows one from many", () => {
  assertEquals(
    [0, 1, 2].map((count) => formatCount(count, "connection")),
    ["0 connections", "1 connection", "2 connections"],
  );
});

Deno.test("Addresses are written as people write them", () => {
  const tcp = { transport: "tcp", hostname: "127.0.0.1", port: 7 } as const;
  assertEquals(formatAddr(tcp), "127.0.0.1:7");
  assertEquals(formatEndpoint(tcp), "tcp://127.0.0.1:7");
  assertEquals(formatEndpoint({ ...tcp, hostname: "::1" }), "tcp://[::1]:7");
  assertEquals(
    formatEndpoint({ transport: "unix", path: "/run/e" }),
    "unix:///run/e",
  );
});
