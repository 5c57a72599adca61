import { Client } from "./client.ts";
import { parseAnswer, type Received } from "./http.ts";
import type { Program } from "./program.ts";

/** The URL of a program's admin listener, once it is open: `http://127.0.0.1:9090`. */
export async function adminOf(program: Program): Promise<string> {
  const line = await program.line(/(http:\/\/\S+:\d+)\//);
  return line[1] ?? "";
}

/** Asks by HTTP, in exactly these words. */
export async function askRaw(url: string, request: string): Promise<Received> {
  const { hostname, port } = new URL(url);
  await using client = await Client.connect(Number(port), hostname);
  await client.send(request);
  client.end();
  const bytes: number[] = [];
  for (let chunk; (chunk = await client.receive());) bytes.push(...chunk);
  return parseAnswer(new TextDecoder().decode(new Uint8Array(bytes)));
}

/** The metrics of an admin listener: the value of each, by its name with its labels. */
export async function readMetrics(url: string): Promise<Map<string, number>> {
  const text = await (await fetch(`${url}/metrics`)).text();
  const lines = text.split("\n").filter((line) => /^\w/.test(line));
  return new Map(lines.map((line) => {
    const space = line.lastIndexOf(" ");
    const value = line.slice(space + 1).replace("+Inf", "Infinity");
    return [line.slice(0, space), Number(value)];
  }));
}
