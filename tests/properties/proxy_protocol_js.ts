import { within } from "../../src/runtimes/timeout.ts";

/** How long npm may take to deliver the package, in milliseconds. */
const PATIENCE = 5_000;

/** The part of proxy-protocol-js that is used here, which is not ours. */
export interface ProxyProtocol {
  readonly Peer: new (ipAddress: string, port: number) => Peer;
  readonly V1ProxyProtocol: {
    new (protocol: string, source: Peer, destination: Peer): {
      build(): string;
    };
    parse(text: string): {
      readonly source: Peer;
      readonly destination: Peer;
      readonly data?: string;
    };
  };
  readonly UnixProxyAddress: new (...args: never[]) => {
    readonly sourceAddress: Address;
    readonly destinationAddress: Address;
  };
  readonly IPv4Address: new (bytes: number[]) => Address;
  readonly IPv6Address: new (bytes: number[]) => Address;
  readonly IPv4ProxyAddress: ProxyAddressClass;
  readonly IPv6ProxyAddress: ProxyAddressClass;
  readonly V2ProxyProtocol: {
    new (command: number, protocol: number, addresses: ProxyAddress): {
      build(): Uint8Array;
    };
    parse(bytes: Uint8Array): {
      readonly command: number;
      readonly transportProtocol: number;
      readonly proxyAddress: ProxyAddress;
      readonly data: Uint8Array;
    };
  };
}

interface Peer {
  readonly ipAddress: string;
  readonly port: number;
}

interface Address {
  readonly address: ArrayLike<number>;
}

interface ProxyAddress {
  readonly sourceAddress: Address;
  readonly sourcePort: number;
  readonly destinationAddress: Address;
  readonly destinationPort: number;
}

type ProxyAddressClass = new (
  source: Address,
  sourcePort: number,
  destination: Address,
  destinationPort: number,
) => ProxyAddress;

// As with fast-check, a literal would be fetched before the first test of any file.
const specifier = "proxy-protocol-js";
const loaded: { readonly default: ProxyProtocol } = await within(
  PATIENCE,
  specifier,
  import(specifier),
  () => {},
);

export const theirs: ProxyProtocol = loaded.default;
