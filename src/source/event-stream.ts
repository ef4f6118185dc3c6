import { EVENT_HEADER_SIZE } from '../mysql-protocol/events.js';
import {
  decodeErr,
  PACKET_HEADER_SIZE,
  PACKET_PAYLOAD_MAX,
  type ServerErr,
} from '../mysql-protocol/packets.js';

/**
 * Splits the byte stream of a binary log dump into events. An event that is complete in a chunk is passed on as a part of
 * that chunk, without a copy. An event that spans chunks is completed in a small buffer. A large event is passed on in
 * pieces as they arrive, so memory does not grow with the transaction.
 */
export interface EventSink {
  /** A complete event. `wantsAck`: a commit waits for the acknowledgement of this event (semi-sync). */
  event(event: Buffer, wantsAck: boolean): void;
  /** A large event begins. `head` is its header. All its bytes follow as parts, including the header. */
  largeEvent(head: Buffer, wantsAck: boolean): void;
  largeEventPart(bytes: Buffer): void;
  largeEventEnd(): void;
  /** The server ended the dump with an error packet (or an EOF packet: errno 0). */
  ended(error: ServerErr): void;
}

/** Events up to this size are passed on complete. Larger ones are passed on in pieces. */
export const WHOLE_EVENT_MAX = 64 * 1024;

export class EventStream {
  readonly #sink: EventSink;
  /** Bytes before the event in its first packet: a status byte, and two more with semi-sync. */
  readonly #prefix: number;
  /** Beginning of a packet whose rest has not arrived yet. */
  #partial: Buffer | null = null;
  #partialSize = 0;
  /** For a large event: missing bytes of its current packet, and whether that packet is full (then another one follows). */
  #packetLeft = 0;
  #packetWasFull = false;
  #inLarge = false;

  constructor(options: { semiSync: boolean }, sink: EventSink) {
    this.#prefix = options.semiSync ? 3 : 1;
    this.#sink = sink;
  }

  push(chunk: Buffer): void {
    let at = 0;
    while (at < chunk.length) {
      at = this.#inLarge && this.#packetLeft > 0 ? this.#pass(chunk, at) : this.#packet(chunk, at);
    }
  }

  /** Passes on the available bytes of a large event. */
  #pass(chunk: Buffer, at: number): number {
    const take = Math.min(chunk.length - at, this.#packetLeft);
    this.#packetLeft -= take;
    this.#sink.largeEventPart(at === 0 && take === chunk.length ? chunk : chunk.subarray(at, at + take));
    if (this.#packetLeft === 0 && !this.#packetWasFull) this.#endLarge();
    return at + take;
  }

  #endLarge(): void {
    this.#inLarge = false;
    this.#sink.largeEventEnd();
  }

  /** Takes one packet header, and the packet when it is small. Collects an incomplete one in #partial. */
  #packet(chunk: Buffer, at: number): number {
    if (this.#partial) return this.#complete(chunk, at);
    const left = chunk.length - at;
    const needed = left < PACKET_HEADER_SIZE ? PACKET_HEADER_SIZE : this.#neededFor(chunk.readUIntLE(at, 3));
    if (left < needed) {
      this.#partial = Buffer.allocUnsafe(needed);
      this.#partialSize = chunk.copy(this.#partial, 0, at);
      return chunk.length;
    }
    this.#take(chunk, at, needed);
    return at + needed;
  }

  #complete(chunk: Buffer, at: number): number {
    const partial = this.#partial as Buffer;
    const copied = chunk.copy(partial, this.#partialSize, at);
    this.#partialSize += copied;
    if (this.#partialSize < partial.length) return at + copied;
    const needed = this.#neededFor(partial.readUIntLE(0, 3));
    if (needed > partial.length) {
      // The buffer was for the packet header. Now the packet's size is known.
      const larger = Buffer.allocUnsafe(needed);
      partial.copy(larger);
      this.#partial = larger;
      return at + copied;
    }
    this.#partial = null;
    this.#take(partial, 0, needed);
    return at + copied;
  }

  /** Bytes needed before a packet of this payload length can be processed. */
  #neededFor(length: number): number {
    if (this.#inLarge) return PACKET_HEADER_SIZE;
    const small = length <= WHOLE_EVENT_MAX + this.#prefix;
    return PACKET_HEADER_SIZE + (small ? length : this.#prefix + EVENT_HEADER_SIZE);
  }

  #take(bytes: Buffer, at: number, taken: number): void {
    const length = bytes.readUIntLE(at, 3);
    if (this.#inLarge) {
      this.#packetLeft = length;
      this.#packetWasFull = length === PACKET_PAYLOAD_MAX;
      if (length === 0) this.#endLarge();
      return;
    }
    const start = at + PACKET_HEADER_SIZE;
    const status = bytes[start];
    if (status !== 0) {
      this.#sink.ended(
        status === 0xff
          ? decodeErr(bytes.subarray(start, at + taken))
          : { errno: 0, sqlState: '', message: 'the server ended the dump' },
      );
      return;
    }
    const wantsAck = this.#prefix === 3 && bytes[start + 2] === 1;
    const event = bytes.subarray(start + this.#prefix, at + taken);
    if (taken === PACKET_HEADER_SIZE + length) {
      this.#sink.event(event, wantsAck);
      return;
    }
    this.#inLarge = true;
    this.#packetWasFull = length === PACKET_PAYLOAD_MAX;
    this.#packetLeft = length - (taken - PACKET_HEADER_SIZE);
    this.#sink.largeEvent(event, wantsAck);
    this.#sink.largeEventPart(event);
  }
}
