import { SkeinError } from '../model/error.js';

/**
 * MySQL packets: [u24 length][u8 sequence][payload]. A payload of 0xffffff bytes goes on in the next packet.
 * Here: the conversation part (small packets, read whole). The event stream has a reader of its own (source/).
 */
export const PACKET_HEADER_SIZE = 4;
export const PACKET_PAYLOAD_MAX = 0xffffff;

/** No packet of a login or a control query comes near this; a larger one is not the protocol we expect. */
const CONVERSATION_PACKET_MAX = 1024 * 1024;

export interface Packet {
  sequence: number;
  payload: Buffer;
}

/** Cuts a byte stream into whole packets; for conversations only (bounded, may copy). */
export class PacketSplitter {
  #pending: Buffer = Buffer.alloc(0);

  /** Bytes that came behind the last whole packet: handed over when the connection turns into a stream. */
  takeRest(): Buffer {
    const rest = this.#pending;
    this.#pending = Buffer.alloc(0);
    return rest;
  }

  push(chunk: Buffer): void {
    this.#pending = this.#pending.length === 0 ? chunk : Buffer.concat([this.#pending, chunk]);
  }

  /** The next whole packet, or null. @throws SkeinError PACKET_TOO_LARGE */
  next(): Packet | null {
    const bytes = this.#pending;
    if (bytes.length < PACKET_HEADER_SIZE) return null;
    const length = bytes.readUIntLE(0, 3);
    if (length > CONVERSATION_PACKET_MAX) {
      throw new SkeinError(
        'PACKET_TOO_LARGE',
        `A packet of ${length} bytes in a conversation of small ones.`,
      );
    }
    const end = PACKET_HEADER_SIZE + length;
    if (bytes.length < end) return null;
    this.#pending = bytes.subarray(end);
    return { sequence: bytes[3] ?? 0, payload: bytes.subarray(PACKET_HEADER_SIZE, end) };
  }
}

/** Frames one small payload. */
export function packet(sequence: number, payload: Uint8Array): Buffer {
  const bytes = Buffer.allocUnsafe(PACKET_HEADER_SIZE + payload.length);
  bytes.writeUIntLE(payload.length, 0, 3);
  bytes[3] = sequence & 0xff;
  bytes.set(payload, PACKET_HEADER_SIZE);
  return bytes;
}

export const OK_PAYLOAD = Buffer.from([0, 0, 0, 2, 0, 0, 0]);
const EOF_PAYLOAD = Buffer.from([0xfe, 0, 0, 2, 0]);

export function isErr(payload: Buffer): boolean {
  return payload[0] === 0xff;
}

export interface ServerErr {
  errno: number;
  sqlState: string;
  message: string;
}

/** Reads an ERR payload (first byte 0xff). */
export function decodeErr(payload: Buffer): ServerErr {
  const errno = payload.length >= 3 ? payload.readUInt16LE(1) : 0;
  if (payload[3] === 0x23) {
    return { errno, sqlState: payload.toString('latin1', 4, 9), message: payload.toString('utf8', 9) };
  }
  return { errno, sqlState: 'HY000', message: payload.toString('utf8', 3) };
}

export function encodeErr(error: ServerErr): Buffer {
  const head = Buffer.from([0xff, error.errno & 0xff, error.errno >> 8]);
  return Buffer.concat([head, Buffer.from(`#${error.sqlState}${error.message}`)]);
}

/** Length-encoded text shorter than 251 bytes; all that our own answers need. */
function shortText(text: string): Buffer {
  const bytes = Buffer.from(text);
  if (bytes.length > 250)
    throw new SkeinError('TEXT_TOO_LONG', 'A value of an answer is longer than 250 bytes.');
  return Buffer.concat([Buffer.from([bytes.length]), bytes]);
}

/** A classic text result set of one row, framed from `sequence` on. */
export function encodeRow(sequence: number, columns: readonly string[], row: readonly string[]): Buffer {
  const payloads: Buffer[] = [Buffer.from([columns.length])];
  for (const name of columns) {
    payloads.push(
      Buffer.concat([
        shortText('def'),
        shortText(''),
        shortText(''),
        shortText(''),
        shortText(name),
        shortText(''),
        // 12 bytes follow: charset utf8, length 255, type VAR_STRING, no flags, no decimals, filler.
        Buffer.from([0x0c, 0x21, 0, 0xff, 0, 0, 0, 0xfd, 0, 0, 0, 0, 0]),
      ]),
    );
  }
  payloads.push(EOF_PAYLOAD);
  payloads.push(Buffer.concat(row.map(shortText)));
  payloads.push(EOF_PAYLOAD);
  return Buffer.concat(payloads.map((payload, i) => packet(sequence + i, payload)));
}

/** Reads a length-encoded integer; returns [value, next offset]. NULL (0xfb) gives -1. */
export function readLengthEncoded(bytes: Buffer, offset: number): [number, number] {
  const first = bytes[offset] ?? 0;
  if (first < 0xfb) return [first, offset + 1];
  if (first === 0xfb) return [-1, offset + 1];
  if (first === 0xfc) return [bytes.readUInt16LE(offset + 1), offset + 3];
  if (first === 0xfd) return [bytes.readUIntLE(offset + 1, 3), offset + 4];
  return [Number(bytes.readBigUInt64LE(offset + 1)), offset + 9];
}

/** The values of one text row. */
export function decodeRow(payload: Buffer): (string | null)[] {
  const values: (string | null)[] = [];
  let offset = 0;
  while (offset < payload.length) {
    const [length, start] = readLengthEncoded(payload, offset);
    values.push(length < 0 ? null : payload.toString('utf8', start, start + length));
    offset = start + Math.max(length, 0);
  }
  return values;
}
