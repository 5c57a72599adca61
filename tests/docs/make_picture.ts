/**
 * Makes the picture of the README: runs `bench` against a server that inserts
 * bytes, and draws what it printed, light and dark.
 *
 * deno run -A tests/docs/make_picture.ts
 */
import { FAULTS, FaultyServer } from "../helpers/faulty.ts";

await using server = await FaultyServer.start(FAULTS["inserted"]);
const command = [
  "bench",
  "-c",
  "1",
  "-n",
  "1000",
  `tcp://127.0.0.1:${server.port}`,
];
const { code, stdout } = await new Deno.Command(Deno.execPath(), {
  args: ["run", "--quiet", "--allow-net", "mod.ts", ...command],
  cwd: new URL("../..", import.meta.url),
  env: { NO_COLOR: "1" },
  stderr: "null",
}).output();
const lines = [
  `$ deno run --allow-net mod.ts ${command.join(" ")}`,
  ...new TextDecoder().decode(stdout).trimEnd().split("\n").flatMap(wrap),
  "$ echo $?",
  `${code}`,
];

const themes = {
  light: {
    back: "#ffffff",
    text: "#1f2328",
    error: "#cf222e",
    line: "#d1d9e0",
  },
  dark: { back: "#0d1117", text: "#e6edf3", error: "#ff7b72", line: "#3d444d" },
};
for (const [name, colors] of Object.entries(themes)) {
  const file = new URL(`../../docs/bench-${name}.svg`, import.meta.url);
  await Deno.writeTextFile(file, draw(colors));
}

/** Breaks a line that is too long for the picture between two words. */
function wrap(line: string): string[] {
  if (line.length <= 80) return [line];
  const at = line.lastIndexOf(" ", 80);
  return at <= 0
    ? [line]
    : [line.slice(0, at), ...wrap("  " + line.slice(at + 1))];
}

function draw({ back, text, error, line }: typeof themes.light): string {
  const height = lines.length * 20 + 32;
  let isError = false;
  const rows = lines.map((row, i) => {
    isError = row.startsWith("Error") || isError && row.startsWith("  ");
    const color = isError ? error : text;
    return `<text x="16" y="${
      i * 20 + 32
    }" fill="${color}" xml:space="preserve">${
      row.replaceAll("&", "&amp;").replaceAll("<", "&lt;")
    }</text>`;
  });
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 720 ${height}" width="720" height="${height}" font-family="ui-monospace, 'DejaVu Sans Mono', Menlo, Consolas, monospace" font-size="14">
<rect x="0.5" y="0.5" width="719" height="${
    height - 1
  }" rx="8" fill="${back}" stroke="${line}"/>
${rows.join("\n")}
</svg>
`;
}
