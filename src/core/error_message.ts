/** What an error means: in words where its POSIX name is among `reasons`, else its message. */
export function explain(
  error: unknown,
  reasons: Readonly<Record<string, string>> = {},
): string {
  if (!(error instanceof Error)) return String(error);
  const code = "code" in error ? String(error.code) : "";
  return reasons[code] ?? error.message;
}
