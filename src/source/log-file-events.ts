import { crc32 } from 'node:zlib';
import { SkeinError } from '../model/error.js';
import { CHECKSUM_SIZE, EVENT, EVENT_HEADER_SIZE, FLAG_IN_USE, HEADER_AT } from '../mysql-protocol/events.js';
import { WHOLE_EVENT_MAX } from './event-stream.js';

/** Takes the events of a log file, large ones in parts as from a dump (event-stream.ts). `at` is the offset at which an event begins. */
export interface LogFileSink {
  event(event: Buffer, at: number): void;
  /** A large event begins. `head` is its header. All its bytes follow as parts, including the header. */
  largeEvent(head: Buffer, at: number): void;
  largeEventPart(bytes: Buffer): void;
  /** `end`: the offset at which the event ends. */
  largeEventEnd(end: number): void;
}

const U32 = 0x1_0000_0000;

/**
 * Splits the bytes of a binary log file into events, and checks the size and the checksum of each. Pure: its caller reads the
 * file.
 */
export class LogFileEvents {
  readonly #sink: LogFileSink;
  #offset: number;
  /** Bytes of a large event that are still missing, and the checksum of its bytes so far. */
  #left = 0;
  #largeAt = 0;
  #crc = 0;
  readonly #stored = Buffer.alloc(CHECKSUM_SIZE);

  /** `offset`: where in the file an event begins. */
  constructor(offset: number, sink: LogFileSink) {
    this.#offset = offset;
    this.#sink = sink;
  }

  /** Offset of the first byte that was not taken yet. */
  get offset(): number {
    return this.#offset;
  }

  /** Offset behind the last whole event. */
  get wholeEnd(): number {
    return this.#left > 0 ? this.#largeAt : this.#offset;
  }

  /**
   * Takes the bytes at `offset`. Returns how many of them it took; the rest is the beginning of an event, and must be given
   * again together with what follows it.
   * @throws SkeinError LOG_DAMAGED, and whatever the sink throws
   */
  take(bytes: Buffer): number {
    let at = 0;
    while (at < bytes.length) {
      const taken = this.#left > 0 ? this.#part(bytes.subarray(at)) : this.#next(bytes.subarray(at));
      if (taken === 0) break;
      at += taken;
    }
    return at;
  }

  #next(bytes: Buffer): number {
    if (bytes.length < EVENT_HEADER_SIZE) return 0;
    const size = eventSize(bytes, this.#offset);
    if (size > WHOLE_EVENT_MAX) {
      this.#left = size;
      this.#largeAt = this.#offset;
      this.#crc = 0;
      this.#sink.largeEvent(bytes.subarray(0, EVENT_HEADER_SIZE), this.#offset);
      return this.#part(bytes);
    }
    if (bytes.length < size) return 0;
    const event = bytes.subarray(0, size);
    checkEvent(event, this.#offset);
    this.#sink.event(event, this.#offset);
    this.#offset += size;
    return size;
  }

  #part(bytes: Buffer): number {
    const part = bytes.subarray(0, this.#left);
    const covered = Math.max(0, Math.min(part.length, this.#left - CHECKSUM_SIZE));
    this.#crc = crc32(part.subarray(0, covered), this.#crc);
    // What is left of the part belongs to the checksum at the end of the event.
    part.copy(this.#stored, CHECKSUM_SIZE - Math.min(CHECKSUM_SIZE, this.#left), covered);
    this.#sink.largeEventPart(part);
    this.#left -= part.length;
    this.#offset += part.length;
    if (this.#left === 0) {
      if (this.#crc !== this.#stored.readUInt32LE(0)) throw damaged(this.#largeAt, 'its checksum is wrong');
      this.#sink.largeEventEnd(this.#offset);
    }
    return part.length;
  }
}

/**
 * The size of the event whose header begins at this offset of its file. Most events name their own end, so a wrong size is found
 * before anything is read by it. Those inside of a transaction name none on 11.8.
 * @throws SkeinError LOG_DAMAGED
 */
export function eventSize(header: Buffer, offset: number): number {
  const size = header.readUInt32LE(HEADER_AT.size);
  const end = header.readUInt32LE(HEADER_AT.endPosition);
  if (size < EVENT_HEADER_SIZE + CHECKSUM_SIZE || (end !== 0 && (offset + size) % U32 !== end)) {
    throw damaged(offset, `its header names the size ${size} and the end ${end}`);
  }
  return size;
}

/** @throws SkeinError LOG_DAMAGED */
export function checkEvent(event: Buffer, offset: number): void {
  const covered = event.subarray(0, event.length - CHECKSUM_SIZE);
  const crc = event[HEADER_AT.type] === EVENT.formatDescription ? crcOfFormat(covered) : crc32(covered);
  if (crc !== event.readUInt32LE(event.length - CHECKSUM_SIZE))
    throw damaged(offset, 'its checksum is wrong');
}

/** The server sets and clears the flag "in use" in the file, and the checksum is that without it. */
function crcOfFormat(format: Buffer): number {
  const copy = Buffer.from(format);
  copy.writeUInt16LE(copy.readUInt16LE(HEADER_AT.flags) & ~FLAG_IN_USE, HEADER_AT.flags);
  return crc32(copy);
}

function damaged(offset: number, why: string): SkeinError {
  return new SkeinError('LOG_DAMAGED', `The event at byte ${offset} is damaged: ${why}.`, {
    data: { offset },
  });
}
