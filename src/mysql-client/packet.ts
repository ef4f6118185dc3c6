/**
 * Bytes of the client side of the MySQL protocol that the HTTP sessions need; no sockets here.
 * Source: "Client/Server Protocol" of the MariaDB knowledge base. All numbers are little endian.
 */

/** Payload of one frame; a longer packet goes on in the next frame. */
export const MAX_FRAME_PAYLOAD = 0xffffff;

/** Reads one packet's payload from front to back. Reading past the end throws a RangeError. */
export class PacketReader {
  readonly bytes: Buffer;
  offset: number;

  constructor(bytes: Buffer, offset = 0) {
    this.bytes = bytes;
    this.offset = offset;
  }

  get remaining(): number {
    return this.bytes.length - this.offset;
  }

  u8(): number {
    const value = this.bytes.readUInt8(this.offset);
    this.offset += 1;
    return value;
  }

  u16(): number {
    const value = this.bytes.readUInt16LE(this.offset);
    this.offset += 2;
    return value;
  }

  u32(): number {
    const value = this.bytes.readUInt32LE(this.offset);
    this.offset += 4;
    return value;
  }

  u64(): bigint {
    const value = this.bytes.readBigUInt64LE(this.offset);
    this.offset += 8;
    return value;
  }

  skip(count: number): void {
    this.offset += count;
  }

  slice(length: number): Buffer {
    const end = this.offset + length;
    if (end > this.bytes.length) throw new RangeError('a field ends beyond its packet');
    const value = this.bytes.subarray(this.offset, end);
    this.offset = end;
    return value;
  }

  /** Length-encoded integer; lengths and counts stay far below 2^53. */
  lenenc(): number {
    const first = this.u8();
    if (first < 0xfb) return first;
    if (first === 0xfc) return this.u16();
    if (first === 0xfd) {
      const value = this.bytes.readUIntLE(this.offset, 3);
      this.offset += 3;
      return value;
    }
    if (first === 0xfe) return Number(this.u64());
    throw new RangeError('not a length-encoded integer');
  }

  /** The same, for values that may use all 64 bits (insert ids, row counts). */
  lenencBig(): bigint {
    if (this.bytes[this.offset] === 0xfe) {
      this.offset += 1;
      return this.u64();
    }
    return BigInt(this.lenenc());
  }

  lenencText(): string {
    const length = this.lenenc();
    const end = this.offset + length;
    if (end > this.bytes.length) throw new RangeError('a field ends beyond its packet');
    const value = this.bytes.toString('utf8', this.offset, end);
    this.offset = end;
    return value;
  }

  /** Text up to a zero byte (or the end of the packet). */
  zeroText(): string {
    const found = this.bytes.indexOf(0, this.offset);
    const end = found === -1 ? this.bytes.length : found;
    const value = this.bytes.toString('utf8', this.offset, end);
    this.offset = Math.min(end + 1, this.bytes.length);
    return value;
  }

  rest(): Buffer {
    return this.slice(this.remaining);
  }
}

/** One command (or handshake answer) as frames; `payload` may be larger than one frame. */
export function frame(payload: Buffer, sequence = 0): Buffer {
  if (payload.length < MAX_FRAME_PAYLOAD) {
    const bytes = Buffer.allocUnsafe(4 + payload.length);
    bytes.writeUIntLE(payload.length, 0, 3);
    bytes[3] = sequence;
    payload.copy(bytes, 4);
    return bytes;
  }
  const parts: Buffer[] = [];
  let next = sequence;
  // A payload that fills its last frame exactly is followed by an empty one: `<=` on purpose.
  for (let at = 0; at <= payload.length; at += MAX_FRAME_PAYLOAD) {
    const part = payload.subarray(at, at + MAX_FRAME_PAYLOAD);
    const header = Buffer.allocUnsafe(4);
    header.writeUIntLE(part.length, 0, 3);
    header[3] = next & 0xff;
    next += 1;
    parts.push(header, part);
  }
  return Buffer.concat(parts);
}

/** A command that is one byte and a text, as frames. */
export function textCommand(command: number, text: string): Buffer {
  const length = 1 + Buffer.byteLength(text);
  if (length >= MAX_FRAME_PAYLOAD) return frame(Buffer.concat([Buffer.from([command]), Buffer.from(text)]));
  const bytes = Buffer.allocUnsafe(4 + length);
  bytes.writeUIntLE(length, 0, 3);
  bytes[3] = 0;
  bytes[4] = command;
  bytes.write(text, 5);
  return bytes;
}

/** Cuts a byte stream into packets; frames of one long packet are put together. */
export class PacketSplitter {
  #pending: Buffer[] = [];
  #pendingBytes = 0;
  #long: Buffer[] = [];

  /**
   * Calls `onPacket` with (payload, sequence) for each whole packet. The payload is only a view into the chunk, which may be
   * used again when this returns: what is kept is copied.
   */
  push(chunk: Buffer, onPacket: (payload: Buffer, sequence: number) => void): void {
    let bytes = chunk;
    if (this.#pendingBytes > 0) {
      this.#pending.push(Buffer.from(chunk));
      this.#pendingBytes += chunk.length;
      // Joining only when a whole frame is there keeps a large row from being copied once per chunk.
      const head = this.#head();
      if (head === null || this.#pendingBytes < 4 + head) return;
      bytes = Buffer.concat(this.#pending, this.#pendingBytes);
      this.#pending = [];
      this.#pendingBytes = 0;
    }
    let at = 0;
    while (bytes.length - at >= 4) {
      const length = bytes.readUIntLE(at, 3);
      if (bytes.length - at - 4 < length) break;
      const sequence = bytes[at + 3] ?? 0;
      const payload = bytes.subarray(at + 4, at + 4 + length);
      at += 4 + length;
      if (length === MAX_FRAME_PAYLOAD) {
        this.#long.push(Buffer.from(payload));
      } else if (this.#long.length > 0) {
        this.#long.push(payload);
        const whole = Buffer.concat(this.#long);
        this.#long = [];
        onPacket(whole, sequence);
      } else {
        onPacket(payload, sequence);
      }
    }
    if (at < bytes.length) {
      this.#pending = [Buffer.from(bytes.subarray(at))];
      this.#pendingBytes = bytes.length - at;
    }
  }

  /** Payload length of the frame that is being waited for; null while its header is not whole. */
  #head(): number | null {
    if (this.#pendingBytes < 4) return null;
    const first = this.#pending[0];
    if (first && first.length >= 4) return first.readUIntLE(0, 3);
    return Buffer.concat(this.#pending.slice(0, 4)).readUIntLE(0, 3);
  }
}

export function lenencBytes(value: number): Buffer {
  if (value < 0xfb) return Buffer.from([value]);
  if (value <= 0xffff) return Buffer.from([0xfc, value & 0xff, value >> 8]);
  if (value <= 0xffffff) return Buffer.from([0xfd, value & 0xff, (value >> 8) & 0xff, value >> 16]);
  const bytes = Buffer.alloc(9);
  bytes[0] = 0xfe;
  bytes.writeBigUInt64LE(BigInt(value), 1);
  return bytes;
}
