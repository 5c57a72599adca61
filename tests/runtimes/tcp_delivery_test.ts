import { delivered } from "../../src/runtimes/tcp_delivery.ts";
import { assertEquals } from "../helpers/assert.ts";

/** A table with one connection from port 80 to port 50,000. */
function table(unacknowledged: number): string {
  const queue = unacknowledged.toString(16).toUpperCase().padStart(8, "0");
  return `  sl  local_address rem_address   st tx_queue rx_queue tr tm->when
   0: 0100007F:0050 00000000:0000 0A 00000005:00000000 00:00000000 00000000
   1: 0100007F:C350 0100007F:0050 01 00000005:00000000 00:00000000 00000000
   2: 0000000000000000FFFF00000100007F:0050 0000000000000000FFFF00000100007F:C350 01 ${queue}:0000000F 00:00000000
`;
}

Deno.test("delivered() waits until nothing is unacknowledged", async () => {
  const queues = [1_000_000, 16, 0, 1];
  let looks = 0;
  await delivered(80, 50_000, () => {
    return Promise.resolve(table(queues[looks++] ?? 0));
  });
  assertEquals(looks, 3);
});

Deno.test("delivered() does not wait for a connection that has gone", async () => {
  let looks = 0;
  await delivered(80, 50_001, () => {
    looks++;
    return Promise.resolve(table(1));
  });
  assertEquals(looks, 1);
});

Deno.test("delivered() guesses where there is no table", async () => {
  let looks = 0;
  await delivered(80, 50_000, () => {
    looks++;
    return Promise.reject(new Error("no such file"));
  });
  assertEquals(looks, 1);
});
