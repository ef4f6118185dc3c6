import { SkeinError } from '../model/error.js';

/**
 * MySQL packets: [u24 length][u8 sequence][payload]. A payload of 0xffffff bytes goes on in the next packet.
 * The binary log's stream has a reader of its own (source/event-stream.ts).
 */
export const PACKET_HEADER_SIZE = 4;
export const PACKET_PAYLOAD_MAX = 0xffffff;

/** No packet of a login or a control query comes near this; a larger one is not the protocol we expect. */
const CONVERSATION_PACKET_MAX = 1024 * 1024;

export interface Packet {
  sequence: number;
  payload: Buffer;
}

/**
 * Cuts a byte stream into whole packets; a payload of several packets is put together. After each `push`, call `next` until
 * it returns null; the caller may reuse the chunk only then.
 */
export class PacketSplitter {
  readonly #payloadMaxBytes: number;
  #bytes: Buffer = Buffer.alloc(0);
  #at = 0;
  /** Pieces of the packet that is not whole yet; `#bytes` is used up while there are any. */
  #pieces: Buffer[] = [];
  #piecesBytes = 0;
  /** The full packets so far of a payload that is larger than one packet. */
  #long: Buffer[] = [];
  #longBytes = 0;
  #sequence = 0;

  constructor(options: { payloadMaxBytes?: number } = {}) {
    this.#payloadMaxBytes = options.payloadMaxBytes ?? CONVERSATION_PACKET_MAX;
  }

  /** Sequence number of the packet that `next` returned last. */
  get sequence(): number {
    return this.#sequence;
  }

  push(chunk: Buffer): void {
    if (this.#piecesBytes > 0) {
      this.#pieces.push(Buffer.from(chunk));
      this.#piecesBytes += chunk.length;
      return;
    }
    this.#bytes = this.#at < this.#bytes.length ? Buffer.concat([this.takeRest(), chunk]) : chunk;
    this.#at = 0;
  }

  /**
   * The payload of the next complete packet, or null. It is a view into the chunk: copy it to keep it.
   * @throws SkeinError PACKET_TOO_LARGE
   */
  next(): Buffer | null {
    if (this.#piecesBytes > 0 && !this.#join()) return null;
    for (;;) {
      const bytes = this.#bytes;
      const begin = this.#at + PACKET_HEADER_SIZE;
      const length = begin > bytes.length ? -1 : bytes.readUIntLE(this.#at, 3);
      if (this.#longBytes + length > this.#payloadMaxBytes) throw tooLarge(this.#longBytes + length);
      if (length < 0 || begin + length > bytes.length) {
        this.#keepRest();
        return null;
      }
      this.#sequence = bytes[begin - 1] ?? 0;
      this.#at = begin + length;
      const payload = bytes.subarray(begin, this.#at);
      if (length === PACKET_PAYLOAD_MAX) {
        this.#long.push(Buffer.from(payload));
        this.#longBytes += length;
      } else {
        return this.#longBytes > 0 ? this.#endLong(payload) : payload;
      }
    }
  }

  /** A copy of the bytes after the last whole packet, for a caller that reads on without the splitter. */
  takeRest(): Buffer {
    const rest = Buffer.concat([...this.#pieces, this.#bytes.subarray(this.#at)]);
    this.#clear();
    return rest;
  }

  #clear(): void {
    this.#pieces = [];
    this.#piecesBytes = 0;
    this.#bytes = Buffer.alloc(0);
    this.#at = 0;
  }

  /** The chunk belongs to the caller again when this returns. */
  #keepRest(): void {
    if (this.#at === this.#bytes.length) return;
    this.#pieces = [Buffer.from(this.#bytes.subarray(this.#at))];
    this.#piecesBytes = this.#bytes.length - this.#at;
    this.#at = this.#bytes.length;
  }

  /** Joins the pieces when they hold a whole packet: a large row is not copied once for each chunk. */
  #join(): boolean {
    if (this.#piecesBytes < PACKET_HEADER_SIZE) return false;
    const length = this.#firstByte(0) | (this.#firstByte(1) << 8) | (this.#firstByte(2) << 16);
    if (length > this.#payloadMaxBytes) throw tooLarge(length);
    if (this.#piecesBytes < PACKET_HEADER_SIZE + length) return false;
    const whole = Buffer.concat(this.#pieces, this.#piecesBytes);
    this.#clear();
    this.#bytes = whole;
    return true;
  }

  #firstByte(index: number): number {
    let at = index;
    for (const piece of this.#pieces) {
      if (at < piece.length) return piece[at] ?? 0;
      at -= piece.length;
    }
    return 0;
  }

  #endLong(last: Buffer): Buffer {
    const whole = Buffer.concat([...this.#long, last]);
    this.#long = [];
    this.#longBytes = 0;
    return whole;
  }
}

function tooLarge(bytes: number): SkeinError {
  return new SkeinError('PACKET_TOO_LARGE', `A packet of ${bytes} bytes in a conversation of small ones.`);
}

/** Frames one payload; what is too long for one packet goes on in the next ones. */
export function packet(sequence: number, payload: Uint8Array): Buffer {
  if (payload.length >= PACKET_PAYLOAD_MAX) return longPacket(sequence, payload);
  const bytes = Buffer.allocUnsafe(PACKET_HEADER_SIZE + payload.length);
  bytes.writeUIntLE(payload.length, 0, 3);
  bytes[3] = sequence & 0xff;
  bytes.set(payload, PACKET_HEADER_SIZE);
  return bytes;
}

function longPacket(sequence: number, payload: Uint8Array): Buffer {
  const parts: Uint8Array[] = [];
  // A payload that fills its last packet exactly is followed by an empty one: `<=` on purpose.
  for (let at = 0, next = sequence; at <= payload.length; at += PACKET_PAYLOAD_MAX, next++) {
    const part = payload.subarray(at, at + PACKET_PAYLOAD_MAX);
    const header = Buffer.allocUnsafe(PACKET_HEADER_SIZE);
    header.writeUIntLE(part.length, 0, 3);
    header[3] = next & 0xff;
    parts.push(header, part);
  }
  return Buffer.concat(parts);
}

/** A command that is one byte and a text, framed. */
export function textCommand(command: number, text: string, encoding: BufferEncoding = 'utf8'): Buffer {
  const length = 1 + Buffer.byteLength(text, encoding);
  if (length >= PACKET_PAYLOAD_MAX) {
    return packet(0, Buffer.concat([Buffer.from([command]), Buffer.from(text, encoding)]));
  }
  const bytes = Buffer.allocUnsafe(PACKET_HEADER_SIZE + length);
  bytes.writeUIntLE(length, 0, 3);
  bytes[3] = 0;
  bytes[4] = command;
  bytes.write(text, 5, encoding);
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

/** Length-encoded text shorter than 251 bytes; our own answers need no longer one. */
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
