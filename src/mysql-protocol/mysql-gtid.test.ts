import { describe, expect, it } from 'vitest';
import { cachingSha2Answer, cachingSha2Matches } from './caching-sha2.js';
import {
  decodeDumpGtid,
  decodeGtidSet,
  encodeDumpGtid,
  encodeGtidSet,
  formatGtidSet,
  parseGtidSet,
} from './mysql-gtid.js';

const A = 'e9079d3e-0000-11f0-8000-000000000001';
const B = '3e11fa47-71ca-11e1-9e33-c80aa9429562';

describe('a set as text', () => {
  it.each(['', `${A}:1-8`, `${A}:1-5:8,${B}:7`, `${A}:1:tag_1:1-2,${B}:3-9`])(
    'reads and writes "%s"',
    (text) => {
      const written = formatGtidSet(parseGtidSet(text));
      // An entry without a tag and one with it are two sources.
      expect(written).toBe(text.replace(':1:tag_1', `:1,${A}:tag_1`));
    },
  );

  it.each(['x', `${A}`, `${A}:`, `${A}:0`, `${A}:5-4`, `${A}:tag`, `${A}:1-99999999999999999`])(
    'refuses "%s"',
    (text) => {
      expect(() => parseGtidSet(text)).toThrow(expect.objectContaining({ code: 'INVALID_GTID' }));
    },
  );
});

describe('the binary form, as seen from a MySQL 9.7.4 replica', () => {
  it('has half-open intervals', () => {
    const bytes = encodeGtidSet(parseGtidSet(`${A}:1-8`));
    expect(bytes.toString('hex')).toBe(
      `0100000000000000${A.replaceAll('-', '')}010000000000000001000000000000000900000000000000`,
    );
    expect(formatGtidSet(decodeGtidSet(bytes))).toBe(`${A}:1-8`);
  });

  it('is eight zero bytes when empty', () => {
    expect(encodeGtidSet([]).toString('hex')).toBe('0000000000000000');
    expect(decodeGtidSet(Buffer.alloc(8))).toEqual([]);
  });

  it('names format 1 when there is a tag', () => {
    const bytes = encodeGtidSet(parseGtidSet(`${A}:1,${A}:hello:1-2`));
    expect(bytes.toString('hex', 0, 8)).toBe('0102000000000001');
    expect(bytes[8 + 16]).toBe(0);
    // a tag of five letters: 0a
    expect(bytes[8 + 16 + 1 + 8 + 16 + 16]).toBe(0x0a);
    expect(formatGtidSet(decodeGtidSet(bytes))).toBe(`${A}:1,${A}:hello:1-2`);
  });

  it('refuses bytes that are cut short', () => {
    const bytes = encodeGtidSet(parseGtidSet(`${A}:1-8`));
    for (let size = 0; size < bytes.length; size++) {
      expect(() => decodeGtidSet(bytes.subarray(0, size))).toThrow(
        expect.objectContaining({ code: 'INVALID_GTID' }),
      );
    }
  });
});

it('builds the dump command', () => {
  const payload = encodeDumpGtid(4711, parseGtidSet(`${A}:1-8`));
  expect(payload.toString('hex', 0, 23)).toBe('1e02006712000000000000040000000000000030000000');
  expect(decodeDumpGtid(payload)).toEqual({ serverId: 4711, executed: parseGtidSet(`${A}:1-8`) });
});

describe('caching_sha2_password', () => {
  const nonce = Buffer.from('0102030405060708090a0b0c0d0e0f1011121314', 'hex');

  it('answers as the documented formula does', () => {
    // Computed apart from this code, with another language's SHA-256.
    expect(cachingSha2Answer('secret', nonce).toString('hex')).toBe(
      '746ebe205d56a0707acb3e796e834e0dd7b1d61743b26bd5202c7a623230c7c9',
    );
  });

  it('knows the right password from a wrong one', () => {
    const answer = cachingSha2Answer('secret', nonce);
    expect(cachingSha2Matches('secret', nonce, answer)).toBe(true);
    expect(cachingSha2Matches('Secret', nonce, answer)).toBe(false);
    expect(cachingSha2Matches('secret', nonce, answer.subarray(1))).toBe(false);
  });
});
