import { expect, it } from 'vitest';
import { TABLE_MAPS } from '../../../test/kit/table-maps.js';
import { CHECKSUM_SIZE } from '../../mysql-protocol/events.js';
import { changesKeylessTable } from './table-map.js';

it.each(['keyed', 'unique', 'prefix', 'several'] as const)('%s: the log tells of a key', (name) => {
  expect(changesKeylessTable(TABLE_MAPS[name])).toBe(false);
});

it.each(['keyless', 'nullable', 'hashed', 'spatial', 'untold'] as const)('%s: it tells of none', (name) => {
  expect(changesKeylessTable(TABLE_MAPS[name])).toBe(true);
});

it('one table without a key among others is found, wherever it stands', () => {
  const { keyed, keyless } = TABLE_MAPS;
  expect(changesKeylessTable(Buffer.concat([keyed, keyed]))).toBe(false);
  expect(changesKeylessTable(Buffer.concat([keyed, keyless]))).toBe(true);
  expect(changesKeylessTable(Buffer.concat([keyless, keyed]))).toBe(true);
});

it('more than 250 columns, whose number takes more than a byte', () => {
  for (const [key, answer] of [
    [[8, 1, 0], false],
    [[], true],
  ] as const) {
    const columns = Buffer.alloc(300, 3);
    const body = Buffer.concat([
      TABLE_MAPS.keyed.subarray(0, 35),
      Buffer.from([0xfc, 300 & 0xff, 300 >> 8]),
      columns,
      // No metadata; a bit for each column; a field of signs that is longer than a length of one byte.
      Buffer.from([0]),
      Buffer.alloc(38),
      Buffer.from([1, 0xfc, 0x2c, 0x01]),
      Buffer.alloc(300),
      Buffer.from(key),
      Buffer.alloc(CHECKSUM_SIZE),
    ]);
    body.writeUInt32LE(body.length, 9);
    expect(changesKeylessTable(body)).toBe(answer);
  }
});

it('an event that is cut ends the search, and one that breaks off is an error, not a guess', () => {
  const { keyless } = TABLE_MAPS;
  expect(changesKeylessTable(keyless.subarray(0, keyless.length - 1))).toBe(false);
  const broken = Buffer.from(keyless.subarray(0, 36));
  broken.writeUInt32LE(broken.length, 9);
  expect(() => changesKeylessTable(broken)).toThrow(RangeError);
});
