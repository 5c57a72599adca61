import { UdpTable } from "../../src/runtimes/udp_table.ts";
import { assertEquals } from "../helpers/assert.ts";
import { FakeClock } from "../helpers/fake_clock.ts";

const TABLE =
  `   sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode ref pointer drops
 9402: 0100007F:C3A2 0100007F:1388 01 00000000:00000000 00:00000000 00000000     0        0 188 2 0000000000000000 256515
 9403: 00000000:0007 00000000:0000 07 00000000:00000000 00:00000000 00000000     0        0 189 2 0000000000000000 0
`;

Deno.test("UdpTable knows what a socket has dropped, and which ports are free", async () => {
  using clock = new FakeClock();
  let text = TABLE;
  const table = new UdpTable(() => text);
  const known = [0xc3a2, 7, 8].map((port) => table.drops(port));
  assertEquals(known, [256_515, 0, undefined]);
  assertEquals([table.isFree(7), table.isFree(8)], [false, true]);
  text = TABLE.replace("256515", "256516");
  assertEquals(table.drops(0xc3a2), 256_515);
  await clock.advance(50);
  assertEquals(table.drops(0xc3a2), 256_516);
});

Deno.test("UdpTable knows nothing where it cannot be read", () => {
  const table = new UdpTable(() => {
    throw new Error("not Linux");
  });
  assertEquals([table.drops(7), table.isFree(7)], [undefined, false]);
});
