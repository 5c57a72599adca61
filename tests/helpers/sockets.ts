/** A TCP socket as Linux sees it. */
export interface SocketState {
  readonly port: number;
  readonly state: "listening" | "established" | "other";
  /** Whether keep-alive is on: its timer runs whenever nothing else is awaited. */
  readonly keepAlive: boolean;
}

/** The IPv4 sockets that a process has. */
export async function socketsOf(pid: number): Promise<SocketState[]> {
  const own = new Set<string>();
  for await (const { name } of Deno.readDir(`/proc/${pid}/fd`)) {
    const target = await Deno.readLink(`/proc/${pid}/fd/${name}`)
      .catch(() => "");
    own.add(/^socket:\[(\d+)\]$/.exec(target)?.[1] ?? "");
  }
  const table = await Deno.readTextFile("/proc/net/tcp");
  return table.trim().split("\n").slice(1)
    .map((line) => line.trim().split(/\s+/))
    .filter((fields) => own.has(fields[9] ?? "none"))
    .map(([, address = "", , state, , timer = ""]) => ({
      port: parseInt(address.slice(address.indexOf(":") + 1), 16),
      state: state === "0A"
        ? "listening"
        : state === "01"
        ? "established"
        : "other",
      keepAlive: timer.startsWith("02:"),
    }));
}

/** The port that a process listens on, once it does. */
export async function listeningPort(pid: number): Promise<number> {
  for (;;) {
    const sockets = await socketsOf(pid);
    const listener = sockets.find(({ state }) => state === "listening");
    if (listener) return listener.port;
  }
}
