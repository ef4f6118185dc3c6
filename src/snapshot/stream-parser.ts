/**
 * Reads what mariadb-backup writes with `--stream=mbstream`, as the bytes pass. A backup may come from anybody, so names that
 * lead out of the directory are refused. Pure.
 *
 * A chunk: "XBSTCK01", u8 flags, u8 type, u32 length of the name, name; then for the type
 *   P bytes: u64 length, u64 offset in the file, u32 checksum (CRC-32), the bytes
 *   S hole: u64 offset where the file goes on · E end of the file, D removal: nothing
 *   R renaming: u32 length, name
 * Numbers are little endian.
 */
import { crc32 } from 'node:zlib';

const MAGIC = Buffer.from('XBSTCK01');
const HEAD_BYTES = 14;
/** Behind the name. */
const MORE_BYTES = { P: 20, S: 8, R: 4 } as const;
/** mbstream's own limit. */
const NAME_BYTES_MAX = 511;
/** Larger than any file, and exact as a number. */
const OFFSET_MAX = BigInt(Number.MAX_SAFE_INTEGER);

const NOTHING = Buffer.alloc(0);

export type StreamStep =
  /** `bytes` are a part of what was given to `take`. */
  | { readonly kind: 'bytes'; readonly name: string; readonly offset: number; readonly bytes: Buffer }
  /** The file is at least so long; what nobody writes of it is zero. */
  | { readonly kind: 'hole'; readonly name: string; readonly until: number }
  | { readonly kind: 'end'; readonly name: string }
  | { readonly kind: 'remove'; readonly name: string }
  | { readonly kind: 'rename'; readonly name: string; readonly to: string };

type Part = 'head' | 'name' | 'more' | 'second-name';

export class StreamParser {
  readonly #step: (step: StreamStep) => void;
  #part: Part = 'head';
  #need = HEAD_BYTES;
  #held: Buffer = NOTHING;
  #type = '';
  #name = '';
  /** Of the payload that is passing. */
  #left = 0;
  #offset = 0;
  #checksum = 0;
  #expected = 0;

  /** @param step is called for each step of the stream, in its order */
  constructor(step: (step: StreamStep) => void) {
    this.#step = step;
  }

  /** What is wrong with these bytes, the next ones of the stream; null = nothing. */
  take(bytes: Buffer): string | null {
    let at = 0;
    while (at < bytes.length) {
      if (this.#left > 0) {
        const piece = bytes.subarray(at, at + this.#left);
        at += piece.length;
        const wrong = this.#payload(piece);
        if (wrong !== null) return wrong;
        continue;
      }
      const taken = bytes.subarray(at, at + this.#need - this.#held.length);
      at += taken.length;
      this.#held = this.#held.length === 0 ? taken : Buffer.concat([this.#held, taken]);
      if (this.#held.length < this.#need) break;
      const whole = this.#held;
      this.#held = NOTHING;
      const wrong = this.#whole(whole);
      if (wrong !== null) return wrong;
    }
    // The caller's bytes may change.
    this.#held = Buffer.from(this.#held);
    return null;
  }

  /** Why the stream must not end here; null = it may. */
  end(): string | null {
    const isBetween = this.#part === 'head' && this.#held.length === 0 && this.#left === 0;
    return isBetween ? null : 'it ends in the middle of a part';
  }

  #payload(bytes: Buffer): string | null {
    this.#checksum = crc32(bytes, this.#checksum);
    this.#step({ kind: 'bytes', name: this.#name, offset: this.#offset, bytes });
    this.#offset += bytes.length;
    this.#left -= bytes.length;
    if (this.#left > 0 || this.#checksum === this.#expected) return null;
    return `a part of ${JSON.stringify(this.#name)} has another checksum than it was sent with`;
  }

  #expect(part: Part, need: number): null {
    this.#part = part;
    this.#need = need;
    return null;
  }

  #whole(bytes: Buffer): string | null {
    switch (this.#part) {
      case 'head':
        if (!bytes.subarray(0, MAGIC.length).equals(MAGIC)) return 'it is no stream of mariadb-backup';
        this.#type = String.fromCharCode(bytes.readUInt8(9));
        if (!'PSEDR'.includes(this.#type)) return `it has a part of an unknown type (${bytes.readUInt8(9)})`;
        return this.#expectName('name', bytes.readUInt32LE(10));
      case 'name': {
        if (!isInside(bytes)) return outside(bytes);
        this.#name = bytes.toString('utf8');
        const more = MORE_BYTES[this.#type as keyof typeof MORE_BYTES];
        if (more !== undefined) return this.#expect('more', more);
        this.#step({ kind: this.#type === 'E' ? 'end' : 'remove', name: this.#name });
        return this.#expect('head', HEAD_BYTES);
      }
      case 'more':
        return this.#type === 'R'
          ? this.#expectName('second-name', bytes.readUInt32LE(0))
          : this.#more(bytes);
      case 'second-name':
        if (!isInside(bytes)) return outside(bytes);
        this.#step({ kind: 'rename', name: this.#name, to: bytes.toString('utf8') });
        return this.#expect('head', HEAD_BYTES);
    }
  }

  #more(bytes: Buffer): string | null {
    const first = bytes.readBigUInt64LE(0);
    const offset = this.#type === 'P' ? bytes.readBigUInt64LE(8) : 0n;
    if (first + offset > OFFSET_MAX) return 'it has a part of an impossible length';
    if (this.#type === 'S') {
      this.#step({ kind: 'hole', name: this.#name, until: Number(first) });
    } else {
      this.#left = Number(first);
      this.#offset = Number(offset);
      this.#checksum = 0;
      this.#expected = bytes.readUInt32LE(16);
      // An empty file has no payload.
      if (this.#left === 0) this.#step({ kind: 'hole', name: this.#name, until: this.#offset });
    }
    return this.#expect('head', HEAD_BYTES);
  }

  #expectName(part: Part, length: number): string | null {
    if (length === 0 || length > NAME_BYTES_MAX) return `it has a name of ${length} bytes`;
    return this.#expect(part, length);
  }
}

/** Of the directory into which the stream is unpacked. */
function isInside(name: Buffer): boolean {
  const text = name.toString('latin1');
  return !text.startsWith('/') && !text.includes('\0') && !text.split('/').includes('..');
}

function outside(name: Buffer): string {
  return `it has a file outside of the data (${JSON.stringify(name.toString('utf8'))})`;
}
