/**
 * Makes the picture in the README: runs a server that inserts six bytes, loads it
 * with `bench`, and draws what the terminal shows.
 *
 * deno task picture
 *
 * @module
 */

const FONT = { size: 14, width: 8.43, line: 20 };
const MARGIN = 16;
const THEMES = {
  light: {
    page: "#f6f8fa",
    text: "#1f2328",
    prompt: "#57606a",
    bad: "#cf222e",
  },
  dark: { page: "#161b22", text: "#e6edf3", prompt: "#8b949e", bad: "#ff7b72" },
};

const ROOT = new URL("../", import.meta.url);
const PORT = 3001;

using listener = Deno.listen({ hostname: "127.0.0.1", port: PORT });
const serving = serveFaulty();
const command =
  `deno run --allow-net mod.ts bench -c 5 -n 20000 tcp://127.0.0.1:${PORT}`;
const { stdout } = await new Deno.Command(Deno.execPath(), {
  args: [...command.split(" ").slice(1)],
  cwd: ROOT,
  env: { NO_COLOR: "1" },
}).output();
await serving;

const lines = [
  `$ ${command}`,
  ...new TextDecoder().decode(stdout).trim().split("\n"),
];
for (const [name, theme] of Object.entries(THEMES)) {
  const file = new URL(`docs/bench-${name}.svg`, ROOT);
  await Deno.writeTextFile(file, draw(lines, theme));
}

/** Echoes five connections, and inserts six bytes into the echo of the third. */
async function serveFaulty(): Promise<void> {
  const echoes = [];
  for (let id = 1; id <= 5; id++) {
    echoes.push(echo(await listener.accept(), id === 3));
  }
  await Promise.all(echoes);
}

async function echo(connection: Deno.Conn, isFaulty: boolean): Promise<void> {
  const buffer = new Uint8Array(4096);
  using _connection = connection;
  for (let total = 0;;) {
    const count = await connection.read(buffer);
    if (count === null) return;
    if (isFaulty && total < 64_000 && total + count >= 64_000) {
      await connection.write(new TextEncoder().encode("hello\n"));
    }
    total += count;
    for (let sent = 0; sent < count;) {
      sent += await connection.write(buffer.subarray(sent, count));
    }
  }
}

/** Draws lines of a terminal as an SVG. */
function draw(
  lines: readonly string[],
  { page, text, prompt, bad }: typeof THEMES.light,
): string {
  const columns = Math.max(...lines.map((line) => line.length));
  const width = Math.ceil(columns * FONT.width) + 2 * MARGIN;
  const height = lines.length * FONT.line + 2 * MARGIN;
  const rows = lines.map((line, index) => {
    const fill = line.startsWith("$")
      ? prompt
      : line.startsWith("Error")
      ? bad
      : text;
    const y = MARGIN + (index + 0.75) * FONT.line;
    return `  <text x="${MARGIN}" y="${y}" fill="${fill}" xml:space="preserve">${
      escape(line)
    }</text>`;
  });
  return `<svg xmlns="http://www.w3.org/2000/svg" width="${width}" height="${height}" viewBox="0 0 ${width} ${height}">
<rect width="100%" height="100%" rx="8" fill="${page}"/>
<g font-family="ui-monospace, SFMono-Regular, Menlo, Consolas, 'DejaVu Sans Mono', monospace" font-size="${FONT.size}">
${rows.join("\n")}
</g>
</svg>
`;
}

function escape(text: string): string {
  return text.replaceAll("&", "&amp;").replaceAll("<", "&lt;");
}
