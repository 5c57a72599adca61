import { makeAdmit, readNetwork } from "../../src/listen/networks.ts";
import { assert, assertEquals } from "../helpers/assert.ts";

function networks(texts: string[]) {
  return texts.map((text) => {
    const network = readNetwork(text);
    assert(network, text);
    return network;
  });
}

/** Which of the addresses may come in. */
async function admitted(
  rules: { allow?: string[]; deny?: string[] },
  hostnames: string[],
): Promise<string[]> {
  const { allow = [], deny = [] } = rules;
  const admit = await makeAdmit(networks(allow), networks(deny));
  return hostnames.filter((hostname) =>
    admit({ transport: "tcp", hostname, port: 1 })
  );
}

Deno.test("readNetwork() reads an address and its bits", () => {
  const right: Record<string, [string, number]> = {
    "10.0.0.0/8": ["10.0.0.0", 8],
    "0.0.0.0/0": ["0.0.0.0", 0],
    "192.0.2.1": ["192.0.2.1", 32],
    "192.0.2.1/32": ["192.0.2.1", 32],
    "2001:DB8::/32": ["2001:db8::", 32],
    "::/0": ["::", 0],
    "::1": ["::1", 128],
    "::ffff:10.0.0.0/104": ["10.0.0.0", 8],
    "::ffff:0:0/96": ["0.0.0.0", 0],
  };
  for (const [text, [ip, prefix]] of Object.entries(right)) {
    assertEquals(readNetwork(text), { ip, prefix }, text);
  }
});

Deno.test("readNetwork() takes nothing else", () => {
  const wrong = [
    "",
    "/8",
    "10.0.0.0/",
    "10.0.0.0/33",
    "10.0.0.0/-1",
    "10.0.0.0/+8",
    "10.0.0.0/8/8",
    "10.0.0.0/8.0",
    "10.0.0.0/255.0.0.0",
    "10.0.0/8",
    "::/129",
    "::ffff:10.0.0.0/95",
    "fe80::%eth0/10",
    "localhost",
    "10.0.0.0 /8",
  ];
  assertEquals(wrong.map(readNetwork), wrong.map(() => undefined));
});

Deno.test("Who is denied stays out, the others may come in", async () => {
  assertEquals(
    await admitted({ deny: ["10.0.0.0/8", "2001:db8::/32"] }, [
      "10.1.2.3",
      "::ffff:10.1.2.3",
      "11.0.0.0",
      "2001:db8::1",
      "2001:db9::1",
    ]),
    ["11.0.0.0", "2001:db9::1"],
  );
});

Deno.test("Who is allowed may come in, the others stay out", async () => {
  assertEquals(
    await admitted({ allow: ["10.0.0.0/8", "::1"] }, [
      "10.1.2.3",
      "::ffff:10.1.2.3",
      "11.0.0.0",
      "::1",
      "::2",
      "no address",
    ]),
    ["10.1.2.3", "::ffff:10.1.2.3", "::1"],
  );
});

Deno.test("The most specific network decides, in whatever order", async () => {
  const hostnames = ["10.0.0.1", "10.1.0.1", "10.1.2.1", "9.0.0.1"];
  for (
    const deny of [["10.1.0.0/16", "0.0.0.0/0"], ["0.0.0.0/0", "10.1.0.0/16"]]
  ) {
    assertEquals(
      await admitted({ allow: ["10.1.2.0/24", "10.0.0.0/8"], deny }, hostnames),
      ["10.0.0.1", "10.1.2.1"],
    );
  }
});

Deno.test("Between networks of the same size the denied one decides", async () => {
  assertEquals(
    await admitted({ allow: ["10.0.0.0/8"], deny: ["10.0.0.0/8"] }, [
      "10.0.0.1",
    ]),
    [],
  );
});

Deno.test("IPv6 networks are not for IPv4 addresses, nor the other way round", async () => {
  const hostnames = ["192.0.2.1", "::ffff:192.0.2.1", "2001:db8::1"];
  assertEquals(await admitted({ deny: ["::/0"] }, hostnames), [
    "192.0.2.1",
    "::ffff:192.0.2.1",
  ]);
  assertEquals(await admitted({ deny: ["0.0.0.0/0"] }, hostnames), [
    "2001:db8::1",
  ]);
});

Deno.test("Unix sockets have no address to deny", async () => {
  const admit = await makeAdmit(networks(["10.0.0.0/8"]), []);
  assert(admit({ transport: "unix", path: "" }));
});
