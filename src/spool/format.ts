import { RECORD_HEADER_SIZE } from '../wire/record.js';

/** A FORMAT record, and the group from which on it applies. */
export interface Format {
  readonly record: Buffer;
  readonly payload: Buffer;
  /** The last group before it. */
  readonly afterOrdinal: number;
}

/** Copies the FORMAT record at `at` out of a larger buffer. */
export function formatAt(bytes: Buffer, at: number, afterOrdinal: number): Format {
  const record = Buffer.from(bytes.subarray(at, at + bytes.readUInt32LE(at)));
  return { record, payload: formatPayload(record, 0), afterOrdinal };
}

export function formatPayload(bytes: Buffer, at: number): Buffer {
  const payloadAt = at + RECORD_HEADER_SIZE + (bytes[at + 10] ?? 0) + (bytes[at + 11] ?? 0);
  return bytes.subarray(payloadAt, at + bytes.readUInt32LE(at));
}

/**
 * The FORMAT records of a spool in the order of the groups, each only where it differs from the one before.
 * There are few: one for each binary log file of the source.
 */
export class Formats {
  #list: Format[] = [];

  get newest(): Format | null {
    return this.#list.at(-1) ?? null;
  }

  add(format: Format): void {
    if (!this.newest?.payload.equals(format.payload)) this.#list.push(format);
  }

  /** The FORMAT record that applies to a group. */
  for(ordinal: number): Format | null {
    return this.#list.findLast((format) => format.afterOrdinal < ordinal) ?? null;
  }

  /** Forgets the records after group `after`; `head` is the FORMAT record at the head of the segment that is now the last. */
  cut(after: number, head: Format | null): void {
    this.#list = this.#list.filter((format) => format.afterOrdinal < after);
    if (head) this.add(head);
  }

  purge(begin: number): void {
    const first = this.#list.findLastIndex((format) => format.afterOrdinal < begin);
    if (first > 0) this.#list = this.#list.slice(first);
  }
}
