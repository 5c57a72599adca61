/** A metric, with all its samples. */
export interface Family {
  /** Its name, without the suffix of a counter or of an info. */
  readonly name: string;
  readonly type: "counter" | "gauge" | "histogram" | "summary" | "info";
  readonly help: string;
  readonly samples: readonly Sample[];
}

/** One value of a metric. */
export interface Sample {
  /** The suffix of its name, after that of the metric: `_bucket`. */
  readonly suffix?: string;
  readonly labels?: Readonly<Record<string, string | number>>;
  readonly value: number;
}

/** The media types of the two formats. */
export const PROMETHEUS = "text/plain; version=0.0.4; charset=utf-8";
export const OPEN_METRICS =
  "application/openmetrics-text; version=1.0.0; charset=utf-8";

/** The endings of names that are units in OpenMetrics. */
const UNITS = ["seconds", "bytes"];
/** The suffixes of the samples of these types. */
const SUFFIXES = { counter: "_total", info: "_info" } as const;

/** Formats metrics as Prometheus' text, version 0.0.4. */
export function formatPrometheus(families: readonly Family[]): string {
  return families.map(({ name, type, help, samples }) => {
    // The suffix belongs to the name here, and there is no info.
    const full = name + suffixOf(type);
    const kind = type === "info" ? "gauge" : type;
    return [
      `# HELP ${full} ${escapeHelp(help)}`,
      `# TYPE ${full} ${kind}`,
      ...samples.map((sample) => formatSample(full, sample, String)),
    ].map((line) => `${line}\n`).join("");
  }).join("");
}

/** Formats metrics as OpenMetrics, version 1.0.0. */
export function formatOpenMetrics(families: readonly Family[]): string {
  const text = families.map(({ name, type, help, samples }) => {
    const unit = UNITS.find((unit) => name.endsWith(`_${unit}`));
    return [
      `# TYPE ${name} ${type}`,
      ...(unit ? [`# UNIT ${name} ${unit}`] : []),
      `# HELP ${name} ${escapeValue(help)}`,
      ...samples.map((sample) =>
        formatSample(name + suffixOf(type), sample, formatFloat)
      ),
    ].map((line) => `${line}\n`).join("");
  }).join("");
  return `${text}# EOF\n`;
}

/** Reports whether a client prefers OpenMetrics to Prometheus' text. */
export function prefersOpenMetrics(accept = ""): boolean {
  const weights = accept.toLowerCase().split(",").map((range) => {
    const [type = "", ...parameters] = range.split(";").map((text) =>
      text.trim()
    );
    const version = parameters.find((text) => text.startsWith("version="));
    const q = parameters.find((text) => text.startsWith("q="))?.slice(2);
    return { type, version, weight: q === undefined ? 1 : Number(q) };
  });
  const most = (accepted: typeof weights) =>
    Math.max(0, ...accepted.map(({ weight }) => weight));
  const open = most(
    weights.filter(({ type, version }) =>
      type === "application/openmetrics-text" &&
      (version === undefined || version === "version=1.0.0")
    ),
  );
  const plain = most(weights.filter(({ type }) => type === "text/plain"));
  return open > 0 && open >= plain;
}

function suffixOf(type: Family["type"]): string {
  return type === "counter" || type === "info" ? SUFFIXES[type] : "";
}

function formatSample(
  name: string,
  { suffix = "", labels = {}, value }: Sample,
  formatBound: (bound: number) => string,
): string {
  const pairs = Object.entries(labels).map(([label, value]) => {
    const text = typeof value === "number" ? formatBound(value) : value;
    return `${label}="${escapeValue(text.replace("Infinity", "+Inf"))}"`;
  });
  const list = pairs.length > 0 ? `{${pairs.join(",")}}` : "";
  return `${name}${suffix}${list} ${String(value).replace("Infinity", "+Inf")}`;
}

/** A bound as OpenMetrics wants it: `1.0`. */
function formatFloat(value: number): string {
  return Number.isInteger(value) ? value.toFixed(1) : String(value);
}

function escapeHelp(text: string): string {
  return text.replaceAll("\\", "\\\\").replaceAll("\n", "\\n");
}

function escapeValue(text: string): string {
  return escapeHelp(text).replaceAll('"', '\\"');
}
