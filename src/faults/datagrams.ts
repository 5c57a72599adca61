/** The peer of a datagram. */
export interface Peer {
  readonly address: string;
  readonly port: number;
}

/** Sends a datagram. */
export type Send<P extends Peer> = (bytes: Uint8Array, to: P) => void;
