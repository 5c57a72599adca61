import { type Ticket, Turnstile } from "../../src/core/turnstile.ts";
import { readAll } from "../../src/faults/read_all.ts";
import { assertEquals } from "../helpers/assert.ts";
import { settled } from "../helpers/fake_clock.ts";
import { MemoryConnection } from "../helpers/memory.ts";

Deno.test("readAll() has a large buffer only while it fills the one it has", async () => {
  const connection = new MemoryConnection();
  connection.send(new Uint8Array(100_000));
  let sum = 0;
  const done = readAll(connection, new Turnstile(), (bytes) => {
    sum += bytes.length;
  });
  await settled();
  assertEquals(connection.bufferSizes, [4_096, 65_536, 65_536, 4_096]);
  connection.end();
  await done;
  assertEquals(sum, 100_000);
});

/** A turnstile before which there is always a line, and what is asked of it. */
class Crowded extends Turnstile {
  readonly calls: string[] = [];
  /** Lets the next one in. */
  admit = () => {};

  override get crowded(): boolean {
    return true;
  }

  override enter(ticket: Ticket): Promise<void> {
    this.calls.push("enter");
    return new Promise((resolve) => {
      this.admit = () => {
        ticket.hot = true;
        resolve();
      };
    });
  }

  override leave(ticket: Ticket): void {
    this.calls.push("leave");
    ticket.hot = false;
  }

  override part(ticket: Ticket): void {
    this.calls.push("part");
    super.part(ticket);
  }
}

Deno.test("readAll() waits for its turn before each read but the first", async () => {
  const connection = new MemoryConnection();
  const turnstile = new Crowded();
  const done = readAll(connection, turnstile, () => {});
  connection.send([1]);
  await settled();
  assertEquals(turnstile.calls, ["enter"]);
  connection.send([2]);
  await settled();
  assertEquals([connection.unread, connection.bufferSizes.length], [1, 1]);
  turnstile.admit();
  await settled();
  assertEquals([turnstile.calls, connection.unread], [
    ["enter", "leave", "enter"],
    0,
  ]);
  connection.end();
  turnstile.admit();
  await done;
  assertEquals(turnstile.calls.slice(3), ["leave", "part"]);
});
