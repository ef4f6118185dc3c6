/**
 * The names of the files in what mariadb-backup writes with `--stream=mbstream`, as the bytes pass. A backup may come from
 * anybody, and mbstream renames and removes files outside of its directory too (seen on 10.11.19; older ones also make them).
 * Pure.
 *
 * A chunk: "XBSTCK01", u8 flags, u8 type, u32 length of the name, name; then for the type
 *   P bytes: u64 length, u64 offset, u32 checksum, the bytes · S bytes of zero: u64 · E end of the file, D removal: nothing
 *   R renaming: u32 length, name
 * Numbers are little endian.
 */
const MAGIC = Buffer.from('XBSTCK01');
const HEAD_BYTES = 14;
/** Behind the name. */
const MORE_BYTES = { P: 20, S: 8, R: 4 } as const;
/** mbstream's own limit. */
const NAME_BYTES_MAX = 511;

const NOTHING = Buffer.alloc(0);

type Part = 'head' | 'name' | 'more' | 'second-name';

export class StreamNames {
  #part: Part = 'head';
  #need = HEAD_BYTES;
  #held: Buffer = NOTHING;
  /** Of a payload. */
  #skip = 0;
  #type = '';

  /** What is wrong with these bytes, the next ones of the stream; null = nothing. */
  take(bytes: Buffer): string | null {
    let at = 0;
    while (at < bytes.length) {
      if (this.#skip > 0) {
        const skipped = Math.min(this.#skip, bytes.length - at);
        this.#skip -= skipped;
        at += skipped;
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
        return this.#name('name', bytes.readUInt32LE(10));
      case 'name': {
        if (!isInside(bytes)) return outside(bytes);
        const more = MORE_BYTES[this.#type as keyof typeof MORE_BYTES];
        return more === undefined ? this.#expect('head', HEAD_BYTES) : this.#expect('more', more);
      }
      case 'more':
        if (this.#type === 'R') return this.#name('second-name', bytes.readUInt32LE(0));
        if (this.#type === 'P') this.#skip = Number(bytes.readBigUInt64LE(0));
        return this.#expect('head', HEAD_BYTES);
      case 'second-name':
        return isInside(bytes) ? this.#expect('head', HEAD_BYTES) : outside(bytes);
    }
  }

  #name(part: Part, length: number): string | null {
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
