import { packet } from '../mysql-protocol/packets.js';

/**
 * A node's port sends this first when it forwards a client to another node's port. That port must connect to its own server.
 * Without the marker, two nodes that each take the other for the primary would forward one client in a loop. The marker's
 * sequence number is 0, and a client's first packet has 1, so no client is mistaken for a node.
 */
export const FORWARD_MARKER = packet(0, Buffer.from('skein-hop'));

/** Removes the marker from the first bytes of a connection. */
export class ForwardMarkerFilter {
  #held: Buffer = Buffer.alloc(0);
  /** Null: not enough bytes yet. */
  forwarded: boolean | null = null;

  /** Returns the bytes for the server. */
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
