import { crc32 } from 'node:zlib';

/** Puts pictures of one size after each other into one file: an animated PNG, which browsers show like a GIF, with all colours. */

const SIGNATURE_BYTES = 8;

export interface Frame {
  readonly png: Buffer;
  readonly shownMs: number;
}

interface Chunk {
  readonly type: string;
  readonly data: Buffer;
}

/** It is repeated for ever. The frames are PNG files of the same size and kind of colours. */
export function animatedPng(frames: readonly Frame[]): Buffer {
  const [first] = frames;
  if (!first) throw new Error('There is no frame.');
  const signature = first.png.subarray(0, SIGNATURE_BYTES);
  const header = only(chunksOf(first.png), 'IHDR')[0];
  if (!header) throw new Error('The first frame has no header.');
  let sequence = 0;
  const parts: Buffer[] = [signature, chunk('IHDR', header), chunk('acTL', words(frames.length, 0))];
  for (const [at, { png, shownMs }] of frames.entries()) {
    const chunks = chunksOf(png);
    if (!only(chunks, 'IHDR')[0]?.equals(header))
      throw new Error(`Frame ${at} has another size or other colours.`);
    parts.push(chunk('fcTL', control(header, { sequence: sequence++, shownMs })));
    for (const data of only(chunks, 'IDAT'))
      parts.push(at === 0 ? chunk('IDAT', data) : chunk('fdAT', Buffer.concat([words(sequence++), data])));
  }
  return Buffer.concat([...parts, chunk('IEND', Buffer.alloc(0))]);
}

/** Width and height are those of the header; each frame replaces the one before as a whole. */
function control(header: Buffer, { sequence, shownMs }: { sequence: number; shownMs: number }): Buffer {
  const [width, height] = [header.readUInt32BE(0), header.readUInt32BE(4)];
  const delay = Buffer.alloc(6);
  delay.writeUInt16BE(Math.min(65_535, Math.round(shownMs)), 0);
  delay.writeUInt16BE(1000, 2);
  return Buffer.concat([words(sequence, width, height, 0, 0), delay]);
}

function chunksOf(png: Buffer): Chunk[] {
  const chunks: Chunk[] = [];
  for (let at = SIGNATURE_BYTES; at < png.length; ) {
    const length = png.readUInt32BE(at);
    const type = png.toString('latin1', at + 4, at + 8);
    chunks.push({ type, data: png.subarray(at + 8, at + 8 + length) });
    at += length + 12;
  }
  return chunks;
}

const only = (chunks: readonly Chunk[], type: string) =>
  chunks.filter((each) => each.type === type).map(({ data }) => data);

function chunk(type: string, data: Buffer): Buffer {
  const named = Buffer.concat([Buffer.from(type, 'latin1'), data]);
  return Buffer.concat([words(data.length), named, words(crc32(named))]);
}

function words(...values: number[]): Buffer {
  const bytes = Buffer.alloc(4 * values.length);
  for (const [at, value] of values.entries()) bytes.writeUInt32BE(value, 4 * at);
  return bytes;
}
