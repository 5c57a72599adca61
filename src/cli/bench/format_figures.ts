/** Formats a whole number: `1,234`. */
export function formatNumber(value: number): string {
  return value.toLocaleString("en-US", { maximumFractionDigits: 0 });
}

/** Formats a rate: as a whole number, unless it is small: `1,234`, `5.0`, `0.01`. */
export function formatRate(value: number): string {
  if (value >= 100) return formatNumber(value);
  return value >= 1 || value === 0
    ? value.toFixed(1)
    : String(Number(value.toPrecision(2)));
}

/** Formats a rate of bytes: `7.90 MB/s`. */
export function formatMegabytes(bytesPerSecond: number): string {
  const megabytes = bytesPerSecond / 1e6;
  return `${
    megabytes < 100 ? megabytes.toFixed(2) : formatNumber(megabytes)
  } MB/s`;
}

/** Formats milliseconds as seconds: `1.5 s`. */
export function formatSeconds(ms: number): string {
  return `${(ms / 1000).toFixed(1)} s`;
}

/** Formats a time in microseconds with three figures: `950 µs`, `1.25 ms`, `12.0 s`; `–` for none. */
export function formatMicroseconds(us: number | null): string {
  if (us === null) return "–";
  if (us < 999.5) {
    return `${us < 99.95 ? Number(us.toFixed(1)) : us.toFixed(0)} µs`;
  }
  const ms = us / 1000;
  if (ms < 999.5) return `${ms.toPrecision(3)} ms`;
  return `${(ms / 1000).toPrecision(3)} s`;
}

/** Formats a percentage, with as many places as it needs: `0 %`, `2.00 %`. */
export function formatPercent(percent: number): string {
  return percent === 0 || percent === 100
    ? `${percent} %`
    : `${percent.toFixed(percent < 0.01 ? 4 : 2)} %`;
}
