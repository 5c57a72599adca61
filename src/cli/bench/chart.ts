/** The size of a chart, and of the margins for its axes, in pixels. */
const SIZE = { width: 720, height: 280 };
const MARGIN = { left: 84, right: 28, top: 12, bottom: 44 };
/** The number of ticks to aim at. */
const TICKS = 6;
/** The number of points up to which each is marked. */
const FEW = 40;
/** The number of colours; beyond that, lines are dotted. */
export const COLOURS = 6;

/** A line of a chart. */
export interface Line {
  readonly name: string;
  /** Where `y` is null the line is broken. */
  readonly points: readonly (readonly [x: number, y: number | null])[];
  /** The index of its colour. */
  readonly colour: number;
  /** How it is drawn: 0 for a full line, 1 and 2 for dashed ones. */
  readonly dash: 0 | 1 | 2;
}

/** An axis of a chart. */
export interface Axis {
  readonly label: string;
  readonly isLogarithmic?: boolean;
  /** Where to put ticks; by default at round values. */
  readonly ticks?: readonly number[];
  format(value: number): string;
}

/** Draws lines, as SVG. The colours are those of the page's classes `c0` to `c5`. */
export function drawChart(
  title: string,
  lines: readonly Line[],
  x: Axis,
  y: Axis,
): string {
  const points = lines.flatMap(({ points }) => points);
  const xs = points.map(([x]) => x);
  const ys = points.flatMap(([, y]) => y === null ? [] : [y]);
  const left = MARGIN.left;
  const right = SIZE.width - MARGIN.right;
  const bottom = SIZE.height - MARGIN.bottom;
  const toX = scaleOf(x, rangeOf(xs, x), left, right);
  const toY = scaleOf(y, rangeOf(ys, y), bottom, MARGIN.top);
  const parts = [
    ...ticksOf(y, rangeOf(ys, y)).map((tick) => {
      const at = round(toY(tick));
      return `<path class="grid" d="M${left} ${at}H${right}"/>` +
        text(left - 8, at + 4, y.format(tick), "end");
    }),
    ...ticksOf(x, rangeOf(xs, x)).map((tick) => {
      const at = round(toX(tick));
      return `<path class="grid" d="M${at} ${MARGIN.top}V${bottom}"/>` +
        text(at, bottom + 18, x.format(tick), "middle");
    }),
    text((left + right) / 2, SIZE.height - 6, x.label, "middle"),
    `<path class="axis" d="M${left} ${MARGIN.top}V${bottom}H${right}"/>`,
    ...lines.map((line) => drawLine(line, toX, toY)),
  ];
  const { width, height } = SIZE;
  return `<svg viewBox="0 0 ${width} ${height}" role="img" aria-label="${
    escape(title)
  }">${parts.join("")}</svg>`;
}

/** Draws the names of lines, beside a piece of each; nothing where there is but one. */
export function drawLegend(lines: readonly Line[]): string {
  const named = new Map(lines.map((line) => [line.name, line]));
  if (named.size < 2) return "";
  const items = Array.from(
    named.values(),
    (line) =>
      `<li><svg viewBox="0 0 28 10" width="28" height="10" aria-hidden="true">` +
      `<path class="line ${classOf(line)}" d="M0 5H28"/></svg> ${
        escape(line.name)
      }</li>`,
  );
  return `<ul class="legend">${items.join("")}</ul>`;
}

/** Makes text safe in HTML. */
export function escape(text: string): string {
  return text.replaceAll("&", "&amp;").replaceAll("<", "&lt;")
    .replaceAll(">", "&gt;").replaceAll('"', "&quot;");
}

function classOf({ colour, dash }: Line): string {
  return `c${colour % COLOURS} d${dash}`;
}

function drawLine(
  line: Line,
  toX: (value: number) => number,
  toY: (value: number) => number,
): string {
  let [path, marks] = ["", ""];
  let isBroken = true;
  for (const [x, y] of line.points) {
    if (y !== null) {
      const at = `${round(toX(x))} ${round(toY(y))}`;
      path += `${isBroken ? "M" : "L"}${at}`;
      // A path without a length shows as a dot.
      marks += `M${at}h0`;
    }
    isBroken = y === null;
  }
  const marked = line.points.length <= FEW
    ? `<path class="mark ${classOf(line)}" d="${marks}"/>`
    : "";
  return `<path class="line ${classOf(line)}" d="${path}"/>${marked}`;
}

function text(
  x: number,
  y: number,
  content: string,
  anchor: "middle" | "end",
): string {
  return `<text x="${round(x)}" y="${round(y)}" text-anchor="${anchor}">${
    escape(content)
  }</text>`;
}

interface Range {
  readonly least: number;
  readonly most: number;
}

/** The range of an axis: from 0 on, or of whole powers of ten on a logarithmic one. */
function rangeOf(values: readonly number[], axis: Axis): Range {
  const most = values.reduce((a, b) => Math.max(a, b), 0);
  if (!axis.isLogarithmic) return { least: 0, most: most > 0 ? most : 1 };
  const least = values.reduce((a, b) => Math.min(a, b), Infinity);
  if (!(least > 0 && least < Infinity)) return { least: 1, most: 10 };
  const [from, to] = [stepBelow(least), stepAbove(most)];
  return { least: from, most: to > from ? to : from * 10 };
}

/** The 1, 2 or 5 of a power of ten that is not above a value. */
function stepBelow(value: number): number {
  const power = 10 ** Math.floor(Math.log10(value) + 1e-9);
  return power * (value >= 5 * power ? 5 : value >= 2 * power ? 2 : 1);
}

function stepAbove(value: number): number {
  const power = 10 ** Math.floor(Math.log10(value) - 1e-9);
  return power * (value <= 2 * power ? 2 : value <= 5 * power ? 5 : 10);
}

function scaleOf(
  { isLogarithmic }: Axis,
  { least, most }: Range,
  from: number,
  to: number,
): (value: number) => number {
  const map = isLogarithmic ? Math.log10 : (value: number) => value;
  const [low, high] = [map(least), map(most)];
  return (value) =>
    from + (map(Math.max(value, least)) - low) / (high - low) * (to - from);
}

function ticksOf(axis: Axis, { least, most }: Range): readonly number[] {
  if (axis.ticks) {
    return axis.ticks.filter((tick) => tick >= least && tick <= most);
  }
  return axis.isLogarithmic ? logarithmicTicks(least, most) : linearTicks(most);
}

function linearTicks(most: number): number[] {
  const rough = most / TICKS;
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = [1, 2, 5, 10].map((factor) => factor * power)
    .find((step) => step >= rough) ?? rough;
  const count = Math.floor(most / step + 1e-9);
  return Array.from({ length: count + 1 }, (_, i) => i * step);
}

function logarithmicTicks(least: number, most: number): number[] {
  const decades = Math.log10(most / least);
  const factors = decades > 3 ? [1] : [1, 2, 5];
  const ticks: number[] = [];
  const last = Math.ceil(Math.log10(most));
  for (let power = Math.floor(Math.log10(least)); power <= last; power++) {
    ticks.push(...factors.map((factor) => factor * 10 ** power));
  }
  return ticks.filter((tick) =>
    tick >= least * (1 - 1e-9) && tick <= most * (1 + 1e-9)
  );
}

function round(value: number): number {
  return Math.round(value * 10) / 10;
}
