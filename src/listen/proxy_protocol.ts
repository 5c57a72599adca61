import { groupsOf, parseIp } from "../core/ip.ts";
import type { Addr } from "../core/transport.ts";

/** The longest header to read, in bytes: 4 KiB behind the fixed part of version 2. */
export const LONGEST_HEADER: number = 16 + 4096;

/** The longest line of version 1, in bytes, with its CR LF. */
const LONGEST_LINE = 107;
/** How a header of version 1 begins, and one of version 2. */
const LINE_START = new TextEncoder().encode("PROXY ");
const SIGNATURE = new TextEncoder().encode("\r\n\r\n\0\r\nQUIT\n");
/** A line of version 1 without its CR LF; what follows UNKNOWN has no meaning. */
const LINE =
  /^PROXY (?:UNKNOWN(?: .*)?|TCP([46]) ([^ ]+) ([^ ]+) (\d+) (\d+))$/s;

/** The length of the fixed part of version 2, in bytes. */
const FIXED = 16;
/** Version 2 and the command, which share a byte. */
const LOCAL = 0x20;
const PROXY = 0x21;
/** The family and the protocol of the addresses, which share a byte: those that tell of a client. */
const TCP4 = 0x11;
const TCP6 = 0x21;
const UNIX_STREAM = 0x31;
const CLIENTS: ReadonlySet<number> = new Set([TCP4, TCP6, UNIX_STREAM]);
/** The length of a Unix socket's path, padded, in bytes. */
const PATH = 108;
/** The length of the addresses and ports of each family, in bytes. */
const ADDRESSES = [0, 2 * (4 + 2), 2 * (16 + 2), 2 * PATH];
/** The protocols: 0 is unspecified, 1 a stream, 2 datagrams. */
const PROTOCOLS = 3;
/** The type of the value that is a checksum of the header. */
const CRC32C = 3;

/** A header of the PROXY protocol. */
export interface ProxyHeader {
  /** Its length, in bytes. */
  readonly length: number;
  /** The client; undefined if it is the sender of the header. */
  readonly source: Addr | undefined;
}

/** Bytes that are no header of the PROXY protocol. */
export class ProxyError extends Error {
  /** @param reason Why, in a few words, with none of the bytes. */
  constructor(reason: string) {
    super(reason);
    this.name = "ProxyError";
  }
}

/**
 * Reads a header of version 1 or 2 at the beginning of `bytes`. Other bytes may
 * follow it.
 *
 * @returns The header; undefined if there are not enough bytes to tell.
 * @throws {ProxyError} As soon as the bytes cannot become a header.
 */
export function readProxyHeader(bytes: Uint8Array): ProxyHeader | undefined {
  if (beginsLike(bytes, SIGNATURE)) return readVersion2(bytes);
  if (beginsLike(bytes, LINE_START)) return readVersion1(bytes);
  throw new ProxyError("no PROXY header");
}

/** Reports whether bytes begin like others, as far as there are any. */
function beginsLike(bytes: Uint8Array, others: Uint8Array): boolean {
  return others.subarray(0, bytes.length)
    .every((byte, index) => byte === bytes[index]);
}

function readVersion1(bytes: Uint8Array): ProxyHeader | undefined {
  const text = String.fromCharCode(...bytes.subarray(0, LONGEST_LINE));
  const end = text.indexOf("\r\n");
  if (end < 0) {
    if (text.length < LONGEST_LINE) return undefined;
    throw tooLong();
  }
  const match = LINE.exec(text.slice(0, end));
  if (!match) throw malformed();
  const [, family, source, destination, port, destinationPort] = match;
  const length = end + 2;
  if (!family) return { length, source: undefined };
  readText(family, destination, destinationPort);
  return { length, source: readText(family, source, port) };
}

/** Reads an address and a port of version 1. */
function readText(family: string, address = "", digits = ""): Addr {
  const isRight = address.includes(":") === (family === "6") &&
    !address.includes("%") && /^(0|[1-9]\d*)$/.test(digits);
  const hostname = isRight ? parseIp(address) : undefined;
  const port = Number(digits);
  if (hostname === undefined || port > 65535) throw malformed();
  return { transport: "tcp", hostname, port };
}

function readVersion2(bytes: Uint8Array): ProxyHeader | undefined {
  // What has not come yet is no reason to refuse.
  const [command = LOCAL, kind = 0, high = 0, low = 0] = bytes
    .subarray(SIGNATURE.length, FIXED);
  if (command !== LOCAL && command !== PROXY) throw malformed();
  const length = FIXED + high * 256 + low;
  if (length > LONGEST_HEADER) throw tooLong();
  if (bytes.length < length) return undefined;

  const header = bytes.subarray(0, length);
  const addresses = ADDRESSES[kind >> 4];
  const isValid = hasValidValues(header, FIXED + (addresses ?? 0));
  // The rest of a header without a client is ignored.
  if (command === LOCAL) return { length, source: undefined };
  if (addresses === undefined || kind % 16 >= PROTOCOLS) throw malformed();
  if (!CLIENTS.has(kind)) return { length, source: undefined };
  if (!isValid) throw malformed();
  const source = readAddress(kind, header.subarray(FIXED, FIXED + addresses));
  return { length, source };
}

/**
 * Reports whether values fill a header of version 2 from a place on to its end.
 * Throws if one of them is a checksum, and wrong.
 */
function hasValidValues(header: Uint8Array, from: number): boolean {
  const view = viewOf(header);
  let sumAt: number | undefined;
  let at = from;
  while (at + 3 <= header.length) {
    const length = view.getUint16(at + 1);
    if (header[at] === CRC32C) {
      if (length !== 4) return false;
      sumAt ??= at + 3;
    }
    at += 3 + length;
  }
  if (at !== header.length) return false;
  if (sumAt === undefined) return true;
  const copy = header.slice();
  copy.fill(0, sumAt, sumAt + 4);
  if (crc32c(copy) !== view.getUint32(sumAt)) {
    throw new ProxyError("wrong checksum in the PROXY header");
  }
  return true;
}

/** The checksum of RFC 4960, appendix B. */
function crc32c(bytes: Uint8Array): number {
  let sum = ~0;
  for (const byte of bytes) {
    sum ^= byte;
    for (let bit = 0; bit < 8; bit++) {
      sum = sum & 1 ? sum >>> 1 ^ 0x82f63b78 : sum >>> 1;
    }
  }
  return ~sum >>> 0;
}

/** Reads the source among the addresses of version 2. */
function readAddress(kind: number, addresses: Uint8Array): Addr {
  if (kind === UNIX_STREAM) {
    const text = new TextDecoder().decode(addresses.subarray(0, PATH));
    // It is padded with NUL; that of an abstract socket begins with one too.
    return { transport: "unix", path: /^\0?[^\0]+/.exec(text)?.[0] ?? "" };
  }
  const view = viewOf(addresses);
  const port = view.getUint16(addresses.length - 4);
  if (kind === TCP4) {
    const hostname = addresses.subarray(0, 4).join(".");
    return { transport: "tcp", hostname, port };
  }
  const groups = Array.from(
    { length: 8 },
    (_, index) => view.getUint16(index * 2).toString(16),
  );
  const text = groups.join(":");
  return { transport: "tcp", hostname: parseIp(text) ?? text, port };
}

function viewOf(bytes: Uint8Array): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

function malformed(): ProxyError {
  return new ProxyError("malformed PROXY header");
}

function tooLong(): ProxyError {
  return new ProxyError("PROXY header too long");
}

/**
 * Makes a header of a connection: version 1, a line, or version 2, binary. Version
 * 2 also has the paths of two Unix sockets. If the addresses are neither these nor
 * two IP addresses of one family, it tells of no client.
 */
export function makeProxyHeader(
  version: 1 | 2,
  source: Addr,
  destination: Addr,
): Uint8Array<ArrayBuffer> {
  if (version === 2 && "path" in source && "path" in destination) {
    const paths = [source.path, destination.path].flatMap(padPath);
    // One that is too long would be another one if it were cut.
    if (paths.length === ADDRESSES[UNIX_STREAM >> 4]) {
      return makeVersion2(UNIX_STREAM, paths);
    }
  }
  const ends = [source, destination].flatMap((addr) => {
    const ip = "port" in addr ? parseIp(addr.hostname) : undefined;
    return ip !== undefined && "port" in addr ? [{ ip, port: addr.port }] : [];
  });
  const [from, to] = ends;
  const isIpv6 = from?.ip.includes(":") ?? false;
  if (!from || !to || to.ip.includes(":") !== isIpv6) {
    return version === 1
      ? new TextEncoder().encode("PROXY UNKNOWN\r\n")
      : Uint8Array.of(...SIGNATURE, LOCAL, 0, 0, 0);
  }
  if (version === 1) {
    const family = isIpv6 ? "TCP6" : "TCP4";
    return new TextEncoder().encode(
      `PROXY ${family} ${from.ip} ${to.ip} ${from.port} ${to.port}\r\n`,
    );
  }
  const addresses = [
    ...[from.ip, to.ip].flatMap(bytesOf),
    ...[from.port, to.port].flatMap(toBytes),
  ];
  return makeVersion2(isIpv6 ? TCP6 : TCP4, addresses);
}

function makeVersion2(
  kind: number,
  addresses: readonly number[],
): Uint8Array<ArrayBuffer> {
  return Uint8Array.of(
    ...[...SIGNATURE, PROXY, kind],
    ...toBytes(addresses.length),
    ...addresses,
  );
}

/** The bytes of a path, padded with NUL. */
function padPath(path: string): number[] {
  const bytes = [...new TextEncoder().encode(path)];
  return [...bytes, ...Array<number>(Math.max(PATH - bytes.length, 0)).fill(0)];
}

/** The bytes of an IP address in the form of `parseIp`. */
function bytesOf(ip: string): number[] {
  return ip.includes(":")
    ? groupsOf(ip).flatMap((group) => toBytes(parseInt(group, 16)))
    : ip.split(".").map(Number);
}

/** A number of 16 bits as two bytes. */
function toBytes(number: number): number[] {
  return [number >> 8, number & 255];
}
