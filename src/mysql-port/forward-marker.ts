import { packet } from '../mysql-protocol/packets.js';

/**
 * What a node's port says first when it passes a client on to another node's port. That node must lead to its own server:
 * two nodes that take each other for the primary's would else pass one client to and fro until nothing is left.
 * A packet with sequence number 0, where a client's first one has 1: no client can be taken for a node.
 */
export const FORWARD_MARKER = packet(0, Buffer.from('skein-hop'));

/** Takes the hop out of the first bytes of a connection. */
export class ForwardMarkerFilter {
  #held: Buffer = Buffer.alloc(0);
  /** Null: too few bytes came to say. */
  forwarded: boolean | null = null;

  /** What of the bytes goes to the server. */
  take(chunk: Buffer): Buffer {
    if (this.forwarded !== null) return chunk;
    const bytes = this.#held.length === 0 ? chunk : Buffer.concat([this.#held, chunk]);
    const size = Math.min(bytes.length, FORWARD_MARKER.length);
    if (!bytes.subarray(0, size).equals(FORWARD_MARKER.subarray(0, size))) {
      this.forwarded = false;
      return bytes;
    }
    if (size === FORWARD_MARKER.length) {
      this.forwarded = true;
      return bytes.subarray(size);
    }
    this.#held = bytes;
    return Buffer.alloc(0);
  }
}
