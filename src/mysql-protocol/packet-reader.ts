/** Fields of a packet's payload. All numbers are little endian. No sockets. */

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
    const end = this.#endOf(length);
    const value = this.bytes.subarray(this.offset, end);
    this.offset = end;
    return value;
  }

  /** The next bytes as text. */
  text(length: number, encoding: BufferEncoding = 'utf8'): string {
    const end = this.#endOf(length);
    const value = this.bytes.toString(encoding, this.offset, end);
    this.offset = end;
    return value;
  }

  #endOf(length: number): number {
    const end = this.offset + length;
    if (end > this.bytes.length) throw new RangeError('a field ends beyond its packet');
    return end;
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

  lenencText(encoding: BufferEncoding = 'utf8'): string {
    return this.text(this.lenenc(), encoding);
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

/** Bytes of `value` as a length-encoded integer. */
export function lenencSize(value: number): number {
  if (value < 0xfb) return 1;
  if (value <= 0xffff) return 3;
  return value <= 0xffffff ? 4 : 9;
}

/** Writes a length-encoded integer, and returns the offset after it. */
export function writeLenenc(bytes: Buffer, at: number, value: number): number {
  switch (lenencSize(value)) {
    case 1:
      return bytes.writeUInt8(value, at);
    case 3:
      return bytes.writeUInt16LE(value, bytes.writeUInt8(0xfc, at));
    case 4:
      return bytes.writeUIntLE(value, bytes.writeUInt8(0xfd, at), 3);
    default:
      return bytes.writeBigUInt64LE(BigInt(value), bytes.writeUInt8(0xfe, at));
  }
}
