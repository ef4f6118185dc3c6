import { FRAME_HEADER_SIZE, FRAMES, PAYLOAD_MAX } from '../../src/wire/frames.js';

/**
 * Finds the heartbeats in one direction of a link by the headers of its frames alone: payloads are counted and passed over.
 * Pure.
 */
export class HeartbeatFinder {
  readonly #header = Buffer.alloc(FRAME_HEADER_SIZE);
  #headerSize = 0;
  #isHeartbeat = false;
  /** Of the payload, bytes that are still to come. */
  #left = 0;
  /** Bytes of the stream so far. */
  passed = 0;

  /**
   * The places in the stream behind each heartbeat that ends in this chunk.
   * @throws Error when these are no frames of a link
   */
  push(chunk: Buffer): number[] {
    const ends: number[] = [];
    for (let at = 0; at < chunk.length; ) {
      if (this.#left > 0) {
        const taken = Math.min(this.#left, chunk.length - at);
        this.#left -= taken;
        at += taken;
      } else {
        const taken = chunk.copy(this.#header, this.#headerSize, at);
        this.#headerSize += taken;
        at += taken;
        if (this.#headerSize < FRAME_HEADER_SIZE) break;
        this.#begin();
      }
      if (this.#left === 0 && this.#isHeartbeat) {
        ends.push(this.passed + at);
        this.#isHeartbeat = false;
      }
    }
    this.passed += chunk.length;
    return ends;
  }

  #begin(): void {
    this.#headerSize = 0;
    this.#left = this.#header.readUInt32LE(0);
    // Another build may have types that this one does not know.
    if (this.#left > PAYLOAD_MAX) throw new Error('These are no frames of a link.');
    this.#isHeartbeat = this.#header[4] === FRAMES.heartbeat.type;
  }
}
