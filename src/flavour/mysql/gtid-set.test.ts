import { expect, it } from 'vitest';
import { decodeGtidSet, encodeGtidSet, formatGtidSet, parseGtidSet, sizeOfSet } from './gtid-set.js';

const A = 'e9079d3e-bb59-11f1-a7bb-02fc00000001';
const B = '2a995df1-993e-897e-9d93-c97487c1934c';

it.each([
  ['', 0, ''],
  [`${A}:1`, 1, `${A}:1`],
  [`${A}:1-57:60-61`, 59, `${A}:1-57:60-61`],
  // A server breaks the line behind each UUID.
  [`${A}:1-8,\n${B}:1-3`, 11, `${A}:1-8,${B}:1-3`],
  [`${A.toUpperCase()}:1-10:tagx:1-2`, 12, `${A}:1-10,${A}:tagx:1-2`],
])('reads %j', (text, size, formatted) => {
  const set = parseGtidSet(text);
  expect(sizeOfSet(set)).toBe(size);
  expect(formatGtidSet(set)).toBe(formatted);
});

it.each([`${A}`.slice(1), `${A}:0`, `${A}:5-4`, `${A}:1-2-3`, `${A}:1:2x`, '0-1-57'])(
  'refuses %j',
  (text) => {
    expect(() => parseGtidSet(text)).toThrow(expect.objectContaining({ code: 'INVALID_GTID' }));
  },
);

it('is written as a replica of MySQL 9.7 writes it', () => {
  const bytes = encodeGtidSet(parseGtidSet(`${A}:1-8`));
  expect(bytes.toString('hex')).toBe(
    `0100000000000000${A.replaceAll('-', '')}010000000000000001000000000000000900000000000000`,
  );
  expect(encodeGtidSet(new Map())).toEqual(Buffer.alloc(8));
});

it('is read as it was written', () => {
  for (const text of ['', `${A}:1-8`, `${A}:1-8:11,${B}:3-9007199254740000`])
    expect(formatGtidSet(decodeGtidSet(encodeGtidSet(parseGtidSet(text))))).toBe(text);
});

it('is refused when it is cut short, or has tags', () => {
  const bytes = encodeGtidSet(parseGtidSet(`${A}:1-8,${B}:1`));
  for (let size = 0; size < bytes.length; size++)
    expect(() => decodeGtidSet(bytes.subarray(0, size))).toThrow(
      expect.objectContaining({ code: 'INVALID_GTID' }),
    );
  const tagged = Buffer.from('0101000000000001', 'hex');
  expect(() => decodeGtidSet(tagged)).toThrow(/tagged/);
});
