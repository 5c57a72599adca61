/**
 * The shortest client that sends on schedule: it verifies nothing. It sends 64
 * bytes over each connection in turn, and prints a line of JSON.
 *
 * ```
 * open_loop.ts PORT CONNECTIONS MESSAGES-PER-SECOND SECONDS
 * ```
 */
import { connect as connectByNode } from "node:net";
import process from "node:process";

/** What is used of Bun. */
declare const Bun: {
  connect(options: {
    hostname: string;
    port: number;
    socket: { data(socket: unknown, chunk: Uint8Array): void };
  }): Promise<
    { setNoDelay(on: boolean): void; write(bytes: Uint8Array): unknown }
  >;
};

type Write = (bytes: Uint8Array) => unknown;

const hostname = "127.0.0.1";
const MESSAGE = new Uint8Array(64);
/** Of so many messages the times are kept: more are never in flight. */
const KEPT = 4096;
const WARM_UP = 1_000;
const [port = 0, connections = 0, rate = 0, seconds = 0] = process.argv
  .slice(2).map(Number);

async function connect(onData: (count: number) => void): Promise<Write> {
  if ("Bun" in globalThis) {
    const data = (_: unknown, { length }: Uint8Array) => onData(length);
    const socket = await Bun.connect({ hostname, port, socket: { data } });
    socket.setNoDelay(true);
    return (bytes) => socket.write(bytes);
  }
  if ("Deno" in globalThis) {
    const connection = await Deno.connect({ hostname, port });
    connection.setNoDelay();
    read(connection, onData);
    return (bytes) => connection.write(bytes);
  }
  const socket = connectByNode(port, hostname);
  socket.setNoDelay().on("data", ({ length }) => onData(length));
  await new Promise<void>((resolve) => socket.once("connect", resolve));
  return (bytes) => socket.write(bytes);
}

async function read(
  connection: Deno.Conn,
  onData: (count: number) => void,
): Promise<void> {
  const buffer = new Uint8Array(64 * 1024);
  for (;;) {
    const count = await connection.read(buffer);
    if (count === null) return;
    onData(count);
  }
}

/** One connection, with when its messages were due and sent. */
class Line {
  readonly due = new Float64Array(KEPT);
  readonly sent = new Float64Array(KEPT);
  sends = 0;
  echoes = 0;
  bytes = 0;
  write: Write = () => {};
}

const counted = rate * seconds;
const times = {
  total: new Float64Array(counted),
  late: new Float64Array(counted),
  response: new Float64Array(counted),
};
let count = 0;
let countFrom = Infinity;

function receive(line: Line, length: number): void {
  const now = performance.now();
  line.bytes += length;
  for (; line.bytes >= MESSAGE.length; line.bytes -= MESSAGE.length) {
    const index = line.echoes++ % KEPT;
    const [due = 0, sent = 0] = [line.due[index], line.sent[index]];
    if (due < countFrom || count === counted) continue;
    times.total[count] = now - due;
    times.late[count] = sent - due;
    times.response[count++] = now - sent;
  }
}

const lines = await Promise.all(
  Array.from({ length: connections }, async () => {
    const line = new Line();
    line.write = await connect((length) => receive(line, length));
    return line;
  }),
);

let sends = 0;
const start = performance.now();
countFrom = start + WARM_UP;

function turn(): void {
  const turnEnd = performance.now() + 1;
  for (;;) {
    const due = start + sends * 1000 / rate;
    const now = performance.now();
    if (due > now || now > turnEnd) break;
    const line = lines[sends++ % connections];
    if (!line) continue;
    const index = line.sends++ % KEPT;
    line.due[index] = due;
    line.sent[index] = now;
    line.write(MESSAGE);
  }
  if (count < counted) setImmediate(turn);
  else finish();
}

function finish(): void {
  const summary = Object.entries(times).map(([name, values]) => {
    values.sort();
    const at = (part: number) =>
      (values[Math.floor(counted * part)] ?? 0) * 1e3;
    return [name, { p50: at(0.5), p99: at(0.99) }];
  });
  console.log(JSON.stringify(Object.fromEntries(summary)));
  process.exit();
}

turn();
