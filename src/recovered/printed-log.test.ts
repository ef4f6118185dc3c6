import { Readable } from 'node:stream';
import { expect, it } from 'vitest';
import { linePieces } from './printed-log.js';

async function piecesOf(chunks: Buffer[]) {
  const found = [];
  for await (const piece of linePieces(Readable.from(chunks))) found.push(piece);
  return found;
}

it('gives lines with each byte as it is, however they come', async () => {
  const bytes = Buffer.from([0x61, 0xff, 0x0d, 0x0a, 0xe2, 0x80, 0xa8, 0x0a, 0x62]);
  for (let at = 0; at < bytes.length; at++) {
    const found = await piecesOf([bytes.subarray(0, at), bytes.subarray(at)]);
    expect(found.map(({ text }) => Buffer.from(text, 'latin1').toString('hex'))).toEqual([
      '61ff0d0a',
      'e280a80a',
      '62',
    ]);
    expect(found.every(({ beginsLine }) => beginsLine)).toBe(true);
  }
});

it('gives a long line in pieces, and holds none of it back', async () => {
  const chunk = Buffer.alloc(50_000, 'x');
  const found = await piecesOf([chunk, chunk, chunk, Buffer.from('\nend\n')]);
  expect(found.map(({ beginsLine }) => beginsLine)).toEqual([true, false, true]);
  expect(found.map(({ text }) => text).join('')).toBe(`${'x'.repeat(150_000)}\nend\n`);
});
