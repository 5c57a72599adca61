import { listen } from "../../mod.ts";
import { assert, assertEquals } from "../helpers/assert.ts";
import { Client } from "../helpers/client.ts";
import { contracts } from "../contracts/contracts.ts";

/** Nothing hangs for longer than this, in milliseconds. */
const TIMEOUT = 60_000;

const net = await Deno.permissions.query({ name: "net" });
const ignore = net.state !== "granted";

contracts((name, fn, isMissing = false) =>
  Deno.test({ name: `Deno: ${name}`, ignore: ignore || isMissing, fn })
);

Deno.test({
  name: "Deno: accepted connections have TCP_NODELAY and keep-alive on",
  ignore,
  timeout: TIMEOUT,
  async fn() {
    const listener = await listen({ port: 0 });
    assert("port" in listener.addr);
    await using _first = await Client.connect(listener.addr.port);
    const first = await listener.accept();
    assert(first);
    const calls: string[] = [];
    const real = Object.getPrototypeOf(first);
    const { setNoDelay, setKeepAlive } = real;
    real.setNoDelay = () => calls.push("setNoDelay");
    real.setKeepAlive = () => calls.push("setKeepAlive");
    await using _second = await Client.connect(listener.addr.port);
    const second = await listener.accept();
    Object.assign(real, { setNoDelay, setKeepAlive });
    assertEquals(calls, ["setNoDelay", "setKeepAlive"]);
    first.close();
    second?.close();
    listener.close();
  },
});
