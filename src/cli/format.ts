/** A number of things: `1 connection`, `3 connections`. */
export function formatCount(count: number, thing: string): string {
  return `${count} ${thing}${count === 1 ? "" : "s"}`;
}

/** A number of bytes: `12 B`, `3.4 MiB`. */
export function formatBytes(bytes: number): string {
  const units = ["B", "KiB", "MiB", "GiB", "TiB", "PiB"];
  let value = bytes;
  let unit = units.shift();
  // What would be written as 1024.0 is written in the next unit.
  while (value >= (unit === "B" ? 1024 : 1023.95) && units.length > 0) {
    value /= 1024;
    unit = units.shift();
  }
  return `${unit === "B" ? value : value.toFixed(1)} ${unit}`;
}

/** A time in milliseconds, to its two largest units: `8 s`, `1 h 5 min`. */
export function formatTime(ms: number): string {
  if (ms < 999.5) return `${Math.round(ms)} ms`;
  const seconds = Math.round(ms / 1000);
  const minutes = Math.floor(seconds / 60);
  const hours = Math.floor(minutes / 60);
  if (hours > 0) return `${hours} h ${minutes % 60} min`;
  if (minutes > 0) return `${minutes} min ${seconds % 60} s`;
  return `${seconds} s`;
}
