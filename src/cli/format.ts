/** Formats a count: `1 connection`, `3 connections`. */
export function formatCount(count: number, thing: string): string {
  return `${count} ${thing}${count === 1 ? "" : "s"}`;
}

/** Formats a number of bytes: `12 B`, `3.4 MiB`. */
export function formatBytes(bytes: number): string {
  const units = ["B", "KiB", "MiB", "GiB", "TiB", "PiB"];
  let value = bytes;
  let unit = units.shift();
  // A value that would round to 1024.0 goes to the next unit.
  while (value >= (unit === "B" ? 1024 : 1023.95) && units.length > 0) {
    value /= 1024;
    unit = units.shift();
  }
  return `${unit === "B" ? value : value.toFixed(1)} ${unit}`;
}

/** Formats a time in milliseconds with its two largest units: `8 s`, `1 h 5 min`. */
export function formatTime(ms: number): string {
  if (ms < 999.5) return `${Math.round(ms)} ms`;
  const seconds = Math.round(ms / 1000);
  const minutes = Math.floor(seconds / 60);
  const hours = Math.floor(minutes / 60);
  if (hours > 0) return `${hours} h ${minutes % 60} min`;
  if (minutes > 0) return `${minutes} min ${seconds % 60} s`;
  return `${seconds} s`;
}
