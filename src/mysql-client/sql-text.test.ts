import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { bindValues, plainText, sqlText } from './sql-text.js';

describe('sqlText', () => {
  it.each([
    [null, 'NULL'],
    ['', "''"],
    ["it's \\ ü", "_utf8mb4 x'69742773205c20c3bc'"],
    [-1.5, '-1.5'],
    [0, '0'],
  ])('%j is %s', (value, sql) => expect(sqlText(value)).toBe(sql));

  it('writes any text so that it comes back, and with nothing that could end it', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary', minLength: 1 }), (value) => {
        const [, hex = ''] = /^_utf8mb4 x'([0-9a-f]+)'$/.exec(sqlText(value)) ?? [];
        expect(Buffer.from(hex, 'hex').toString()).toBe(Buffer.from(value).toString());
      }),
    );
  });

  it('refuses what SQL has no number for', () => {
    for (const value of [Number.NaN, Number.POSITIVE_INFINITY])
      expect(() => sqlText(value)).toThrow(expect.objectContaining({ code: 'SQL_VALUE' }));
  });
});

describe('bindValues', () => {
  it('puts the values in their order, whatever they hold', () => {
    expect(bindValues('INSERT INTO t VALUES (?, ?, ?)', ['?', null, 7])).toBe(
      "INSERT INTO t VALUES (_utf8mb4 x'3f', NULL, 7)",
    );
    expect(bindValues('SELECT 1', [])).toBe('SELECT 1');
  });

  it('refuses another number of values', () => {
    for (const values of [[], [1, 2]])
      expect(() => bindValues('SELECT ?', values)).toThrow(expect.objectContaining({ code: 'SQL_VALUE' }));
  });
});

it('plainText quotes only what needs no escape', () => {
  expect(plainText('127.0.0.1')).toBe("'127.0.0.1'");
  for (const value of ["it's", '"', '\\', 'a\0', 'a\n', 'a\r', 'a\x1a', 'ü'])
    expect(() => plainText(value)).toThrow(expect.objectContaining({ code: 'SQL_VALUE' }));
});
