import { Slab } from '../std/slab.js';
import {
  FRAME_HEADER_SIZE,
  FRAMES,
  type FrameName,
  frameName,
  PAYLOAD_MAX,
  tooLarge,
  truncated,
  unexpectedFrame,
  unknownType,
} from './frames.js';

/**
 * Cuts a stream of socket chunks into frames.
 *
 * The socket may reuse the buffer of a chunk: each frame that is handed out is a copy, which is never written to again, so
 * that the receiver may keep it. Records, which are kept for long, are copied behind each other. Only frames that were
 * announced with `accept` get a buffer, so that an unauthenticated peer cannot make us allocate.
 *
 * Bytes of a snapshot are handed out as they are, without a copy, in whatever pieces they come: see `pieces`.
 */
export class FrameSplitter {
  readonly #slab = new Slab();
  readonly #sink: (name: FrameName, payload: Buffer) => void;
  readonly #pieces: ((piece: Buffer) => void) | null;
  /** Indexed by type; -1: not accepted now. */
  readonly #payloadMax = new Int32Array(256).fill(-1);
  readonly #header = Buffer.alloc(FRAME_HEADER_SIZE);
  #headerSize = 0;
  #name: FrameName | null = null;
  #payload: Buffer | null = null;
  #payloadSize = 0;
  /** Of the seedData frame that is passing. */
  #piecesLeft = 0;
  #stopped = false;

  /**
   * @param pieces gets the payload of seedData frames that have one, in place of `sink`, as parts of the chunk given to `push`
   */
  constructor(
    accepted: readonly FrameName[],
    sink: (name: FrameName, payload: Buffer) => void,
    pieces: ((piece: Buffer) => void) | null = null,
  ) {
    this.#sink = sink;
    this.#pieces = pieces;
    this.accept(accepted);
  }

  /** From the next frame on (also in the middle of a chunk) only these may come. */
  accept(names: readonly FrameName[]): void {
    this.#payloadMax.fill(-1);
    for (const name of names) this.#payloadMax[FRAMES[name].type] = FRAMES[name].payloadMax;
  }

  /** Hands out no more frames, not even from the rest of the current chunk. */
  stop(): void {
    this.#stopped = true;
    this.#payload = null;
  }

  /**
   * Calls the sink once for each frame that is complete with this chunk.
   * @throws SkeinError FRAME_TOO_LARGE, FRAME_UNKNOWN, FRAME_UNEXPECTED; and whatever the sink throws.
   *   The stream has lost its place after that: call `stop`.
   */
  push(chunk: Buffer): void {
    let at = 0;
    while (at < chunk.length && !this.#stopped) {
      if (this.#piecesLeft > 0) {
        const piece = chunk.subarray(at, at + this.#piecesLeft);
        this.#piecesLeft -= piece.length;
        at += piece.length;
        this.#pieces?.(piece);
      } else if (this.#name !== null) {
        at = this.#gather(this.#name, chunk, at);
      } else if (this.#headerSize === 0 && chunk.length - at >= FRAME_HEADER_SIZE) {
        at = this.#begin(chunk, at, chunk, at + FRAME_HEADER_SIZE);
      } else {
        at = this.#gatherHeader(chunk, at);
      }
    }
  }

  /** @throws SkeinError FRAME_TRUNCATED when the stream ended within a frame */
  end(): void {
    if (this.#stopped) return;
    const name = this.#piecesLeft > 0 ? 'seedData' : this.#name;
    if (this.#headerSize === 0 && name === null) return;
    throw truncated(name === null ? "a frame's header" : `a ${name} frame`);
  }

  #gatherHeader(chunk: Buffer, at: number): number {
    const taken = Math.min(FRAME_HEADER_SIZE - this.#headerSize, chunk.length - at);
    chunk.copy(this.#header, this.#headerSize, at, at + taken);
    this.#headerSize += taken;
    // An impossible length is refused at once, because no further bytes may come.
    if (this.#headerSize >= 4) this.#checkLength(this.#header.readUInt32LE(0));
    if (this.#headerSize < FRAME_HEADER_SIZE) return at + taken;
    this.#headerSize = 0;
    return this.#begin(this.#header, 0, chunk, at + taken);
  }

  /** Reads the header at `headerAt`; the payload starts at `at` of the chunk. Returns where to go on. */
  #begin(header: Buffer, headerAt: number, chunk: Buffer, at: number): number {
    const size = header.readUInt32LE(headerAt);
    this.#checkLength(size);
    const name = this.#checkType(header[headerAt + 4] ?? 0, size);
    if (name === 'seedData' && size > 0 && this.#pieces !== null) {
      this.#piecesLeft = size;
      return at;
    }
    if (chunk.length - at >= size) {
      const payload = chunk.subarray(at, at + size);
      this.#sink(name, name === 'records' ? this.#slab.copy(payload) : Buffer.from(payload));
      return at + size;
    }
    this.#name = name;
    // Not from Node's shared pool: the receiver may keep it for long, and would keep the whole pool slab with it.
    this.#payload = Buffer.allocUnsafeSlow(size);
    this.#payloadSize = 0;
    return at;
  }

  #gather(name: FrameName, chunk: Buffer, at: number): number {
    const payload = this.#payload as Buffer;
    const taken = chunk.copy(
      payload,
      this.#payloadSize,
      at,
      Math.min(chunk.length, at + payload.length - this.#payloadSize),
    );
    this.#payloadSize += taken;
    if (this.#payloadSize === payload.length) {
      this.#name = null;
      this.#payload = null;
      this.#sink(name, payload);
    }
    return at + taken;
  }

  #checkLength(size: number): void {
    if (size > PAYLOAD_MAX) throw tooLarge('A frame', size, PAYLOAD_MAX);
  }

  #checkType(type: number, size: number): FrameName {
    const name = frameName(type);
    if (name === null) throw unknownType(type);
    const payloadMax = this.#payloadMax[type] ?? -1;
    if (payloadMax < 0) throw unexpectedFrame(name);
    if (size > payloadMax) throw tooLarge(`A ${name} frame`, size, payloadMax);
    return name;
  }
}
