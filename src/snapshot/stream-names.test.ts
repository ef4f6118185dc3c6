import { expect, it } from 'vitest';
import { StreamNames } from './stream-names.js';

const u32 = (value: number) => {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32LE(value);
  return bytes;
};

function chunk(type: string, name: string, payload: Buffer | null = null): Buffer {
  const path = Buffer.from(name);
  const head = [Buffer.from('XBSTCK01'), Buffer.from([0, type.charCodeAt(0)]), u32(path.length), path];
  if (payload === null) return Buffer.concat(head);
  const length = Buffer.alloc(16);
  length.writeBigUInt64LE(BigInt(payload.length));
  return Buffer.concat([...head, length, u32(0), payload]);
}

const renamed = (from: string, to: string) =>
  Buffer.concat([chunk('R', from), u32(Buffer.byteLength(to)), Buffer.from(to)]);

function firstWrong(bytes: Buffer, pieceBytes: number): string | null {
  const names = new StreamNames();
  for (let at = 0; at < bytes.length; at += pieceBytes) {
    const wrong = names.take(bytes.subarray(at, at + pieceBytes));
    if (wrong !== null) return wrong;
  }
  return null;
}

const WELL = Buffer.concat([
  chunk('P', 'ibdata1', Buffer.alloc(5_000, 'XBSTCK01')),
  chunk('P', './shop/a..b.ibd', Buffer.alloc(0)),
  chunk('E', './shop/a..b.ibd'),
  chunk('D', 'shop/old.ibd'),
  Buffer.concat([chunk('S', 'shop/holes.ibd'), Buffer.alloc(8, 1)]),
  renamed('shop/a.ibd', 'shop/b.ibd'),
  chunk('E', 'ibdata1'),
]);

it('lets a stream pass, in pieces of any size', () => {
  for (const size of [1, 2, 7, 14, 100, 10_000]) expect(firstWrong(WELL, size)).toBe(null);
});

it.each([
  ['a parent', chunk('P', '../evil', Buffer.alloc(1))],
  ['a parent further on', chunk('P', 'shop/../../evil', Buffer.alloc(1))],
  ['a file outside that is removed', chunk('D', 'shop/../../victim')],
  ['an absolute path', chunk('P', '/etc/cron.d/evil', Buffer.alloc(1))],
  ['a name that is renamed to the outside', renamed('shop/a.ibd', '../evil')],
  ['a name that a program in C reads otherwise', chunk('P', '..\0/x', Buffer.alloc(1))],
])('refuses %s', (_what, bad) => {
  for (const size of [1, 5, 10_000])
    expect(firstWrong(Buffer.concat([WELL, bad, WELL]), size)).toMatch(/outside of the data/);
});

it('refuses what it cannot follow', () => {
  expect(firstWrong(Buffer.from('no stream of that kind'), 5)).toMatch(/no stream/);
  expect(firstWrong(chunk('Z', 'a'), 100)).toMatch(/unknown type/);
  expect(firstWrong(chunk('E', 'a'.repeat(600)), 100)).toMatch(/a name of 600 bytes/);
});
