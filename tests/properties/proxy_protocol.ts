import { once } from "node:events";
import { createServer } from "node:net";
import { parseIp } from "../../src/core/ip.ts";
import type { NetAddr } from "../../src/core/transport.ts";
import {
  LONGEST_HEADER,
  makeProxyHeader,
  ProxyError,
  type ProxyHeader,
  readProxyHeader,
} from "../../src/listen/proxy_protocol.ts";
import { assert, assertEquals } from "../helpers/assert.ts";
import { value, version2 } from "../helpers/proxy_header.ts";
import { Program, testProgram } from "../helpers/program.ts";
import { type Arbitrary, fc } from "./fast_check.ts";
import { FULL } from "../helpers/scale.ts";
import { theirs } from "./proxy_protocol_js.ts";

// The same cases every day; others, and more, when everything is soaked.
fc.configureGlobal(FULL ? { numRuns: 20_000 } : { seed: 6 });

/** Two ends of a connection: bytes of addresses of one family, and ports. */
type Ends = readonly [source: number[], destination: number[], number, number];

const port = fc.nat(65535);
const bytes = (length: number): Arbitrary<number[]> =>
  fc.tuple(...Array.from({ length }, () => fc.nat(255)));
const ends: Arbitrary<Ends> = fc.oneof(
  fc.tuple(bytes(4), bytes(4), port, port),
  fc.tuple(bytes(16), bytes(16), port, port),
);

/** An address as text, in full. */
function textOf(address: ArrayLike<number>): string {
  const all = Array.from(address);
  if (all.length === 4) return all.join(".");
  const hex = all.map((byte) => byte.toString(16).padStart(2, "0")).join("");
  return hex.replace(/.{4}(?=.)/g, "$&:");
}

/** An address in the one form that we have for it. */
function addrOf(address: ArrayLike<number> | string, port: number): NetAddr {
  const text = typeof address === "string" ? address : textOf(address);
  const hostname = parseIp(text);
  assert(hostname !== undefined, text);
  return { transport: "tcp", hostname, port };
}

Deno.test("A line that another implementation makes is read", () => {
  fc.assert(fc.property(ends, ([source, destination, from, to]: Ends) => {
    const line = new theirs.V1ProxyProtocol(
      source.length === 4 ? "TCP4" : "TCP6",
      new theirs.Peer(textOf(source), from),
      new theirs.Peer(textOf(destination), to),
    ).build();
    const header = new TextEncoder().encode(line);
    assertEquals(readProxyHeader(header), {
      length: header.length,
      source: addrOf(source, from),
    });
  }));
});

Deno.test("A binary header that another implementation makes is read", () => {
  fc.assert(fc.property(ends, ([source, destination, from, to]: Ends) => {
    const { IPv4Address, IPv6Address } = theirs;
    const isIpv4 = source.length === 4;
    const Address = isIpv4 ? IPv4Address : IPv6Address;
    const Both = isIpv4 ? theirs.IPv4ProxyAddress : theirs.IPv6ProxyAddress;
    const addresses = new Both(
      new Address(source),
      from,
      new Address(destination),
      to,
    );
    const header = new theirs.V2ProxyProtocol(1, 1, addresses).build();
    assertEquals(readProxyHeader(header), {
      length: header.length,
      source: addrOf(source, from),
    });
  }));
});

Deno.test("Another implementation reads the headers that we make", () => {
  fc.assert(fc.property(ends, ([source, destination, from, to]: Ends) => {
    const [one, other] = [addrOf(source, from), addrOf(destination, to)];
    // An IPv4-mapped address is of another family to us.
    if (one.hostname.includes(":") !== other.hostname.includes(":")) return;

    const line = new TextDecoder().decode(makeProxyHeader(1, one, other));
    const text = theirs.V1ProxyProtocol.parse(`${line}more`);
    assertEquals(addrOf(text.source.ipAddress, text.source.port), one);
    const end = text.destination;
    assertEquals(addrOf(end.ipAddress, end.port), other);
    assertEquals(text.data, "more");

    const header = makeProxyHeader(2, one, other);
    const binary = theirs.V2ProxyProtocol.parse(Uint8Array.of(...header, 7));
    assertEquals([binary.command, binary.transportProtocol], [1, 1]);
    const { proxyAddress } = binary;
    assertEquals(
      addrOf(proxyAddress.sourceAddress.address, proxyAddress.sourcePort),
      one,
    );
    assertEquals(
      addrOf(
        proxyAddress.destinationAddress.address,
        proxyAddress.destinationPort,
      ),
      other,
    );
    assertEquals([...binary.data], [7]);
  }));
});

Deno.test("Another implementation reads the paths that we make a header of", () => {
  const path = fc.uint8Array({ maxLength: 27 })
    .map((bytes: Uint8Array) => String.fromCodePoint(...bytes));
  const pad = (path: string) => {
    const bytes = [...new TextEncoder().encode(path)];
    return [...bytes, ...Array(108 - bytes.length).fill(0)];
  };
  fc.assert(fc.property(path, path, (source: string, destination: string) => {
    const [one, other] = [source, destination].map((path) => ({
      transport: "unix",
      path,
    } as const));
    assert(one && other);
    const header = makeProxyHeader(2, one, other);
    const { command, transportProtocol, proxyAddress, data } = theirs
      .V2ProxyProtocol.parse(Uint8Array.of(...header, 7));
    assert(proxyAddress instanceof theirs.UnixProxyAddress);
    const { sourceAddress, destinationAddress } = proxyAddress;
    assertEquals([command, transportProtocol, [...data]], [1, 1, [7]]);
    assertEquals(
      [sourceAddress, destinationAddress].map(({ address }) =>
        Array.from(address)
      ),
      [pad(source), pad(destination)],
    );
  }));
});

testProgram(
  "Another implementation reads the headers of bench",
  async (runtime) => {
    for (const host of ["127.0.0.1", "::1"]) {
      const server = createServer();
      server.listen({ host, port: 0 });
      await once(server, "listening");
      for (const version of [1, 2]) {
        const connected = once(server, "connection");
        const address = server.address();
        assert(address !== null && typeof address === "object");
        const running = Program.run(
          runtime,
          ..."bench -c 1 -n 1 -s 3 --json --proxy-protocol".split(" "),
          `${version}`,
          `tcp://${host.replace(/.*:.*/, "[$&]")}:${address.port}`,
        );
        const [socket] = await connected;
        let bytes = new Uint8Array();
        while (lengthOf(bytes) > bytes.length) {
          bytes = Uint8Array.of(...bytes, ...(await once(socket, "data"))[0]);
        }
        const header = bytes.subarray(0, lengthOf(bytes));
        const ends = [
          addrOf(socket.remoteAddress, socket.remotePort),
          addrOf(socket.localAddress, socket.localPort),
        ];
        assertEquals(endsOf(header), ends);

        socket.write(bytes.subarray(header.length));
        socket.pipe(socket);
        const { code, stdout } = await running;
        assertEquals([code, JSON.parse(stdout).bytes], [0, 3]);
      }
      server.close();
      await once(server, "close");
    }
  },
);

/** How long the header is that bytes begin with; longer than they are if it is not whole. */
function lengthOf(bytes: Uint8Array): number {
  if (bytes.length < 16) return 16;
  const isBinary = bytes[0] === 13;
  if (isBinary) return 16 + (bytes[14] ?? 0) * 256 + (bytes[15] ?? 0);
  const end = bytes.indexOf(10);
  return end < 0 ? Infinity : end + 1;
}

/** The addresses in a header, as the other implementation reads it. */
function endsOf(header: Uint8Array): NetAddr[] {
  if (header[0] === 13) {
    const { proxyAddress: both } = theirs.V2ProxyProtocol.parse(header);
    assert(!(both instanceof theirs.UnixProxyAddress));
    return [
      addrOf(both.sourceAddress.address, both.sourcePort),
      addrOf(both.destinationAddress.address, both.destinationPort),
    ];
  }
  const line = new TextDecoder().decode(header);
  const { source, destination } = theirs.V1ProxyProtocol.parse(line);
  return [source, destination]
    .map(({ ipAddress, port }) => addrOf(ipAddress, port));
}

/** The header in some bytes, or the error. */
function read(bytes: Uint8Array): ProxyHeader | undefined | ProxyError {
  try {
    return readProxyHeader(bytes);
  } catch (error) {
    if (error instanceof ProxyError) return error;
    throw error;
  }
}

/** Bytes that are headers, nearly headers, or none. */
const almost: Arbitrary<Uint8Array> = fc.tuple(
  fc.oneof(
    fc.tuple(
      fc.constantFrom(0x20, 0x21, 0x22, 0x11),
      fc.constantFrom(0x00, 0x11, 0x12, 0x21, 0x31, 0x41, 0x13, 0x10, 0x01),
      fc.array(fc.nat(255), { maxLength: 40 }),
      fc.array(
        fc.tuple(fc.nat(5), fc.array(fc.nat(255), { maxLength: 6 })),
        { maxLength: 3 },
      ),
    ).map((
      [command, kind, block, values]: [
        number,
        number,
        number[],
        [number, number[]][],
      ],
    ) =>
      version2(
        kind,
        [...block, ...values.flatMap(([type, own]) => value(type, own))],
        command,
      )
    ),
    fc.tuple(
      fc.constantFrom("PROXY ", "PROXY TCP4 ", "PROXY TCP6 ", "PROXY UNKNOWN"),
      fc.string({ maxLength: 110 }),
      fc.constantFrom("\r\n", "\n", " 1 2\r\n", ""),
    ).map((parts: string[]) => new TextEncoder().encode(parts.join(""))),
    fc.uint8Array({ maxLength: 64 }),
  ),
  fc.nat(255),
  fc.nat(255),
  fc.boolean(),
).map(([header, at, byte, change]: [Uint8Array, number, number, boolean]) => {
  if (change && at < header.length) header[at] = byte;
  return header;
});

Deno.test("Wherever bytes are cut, they are no other header, and are refused once for all", () => {
  fc.assert(fc.property(almost, (bytes: Uint8Array) => {
    const whole = read(bytes);
    for (let cut = 0; cut <= bytes.length; cut++) {
      const part = read(bytes.subarray(0, cut));
      if (part === undefined) continue;
      assertEquals(
        part instanceof ProxyError ? part.message : part,
        whole instanceof ProxyError ? whole.message : whole,
      );
      if (!(part instanceof ProxyError)) {
        assert(part.length <= cut && part.length <= LONGEST_HEADER);
      }
    }
  }));
});

Deno.test("Whatever comes, the longest header is enough to tell", () => {
  fc.assert(fc.property(almost, (bytes: Uint8Array) => {
    const long = new Uint8Array(LONGEST_HEADER);
    long.set(bytes);
    assert(read(long) !== undefined);
  }));
});
