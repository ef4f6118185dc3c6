import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { ApiError } from '../api/api-error.js';
import { bindParameters } from './bind.js';

const bind = (value: unknown) => bindParameters([value], 3)[0];
const refusal = (value: unknown): ApiError => {
  try {
    bind(value);
  } catch (error) {
    if (error instanceof ApiError) return error;
    throw error;
  }
  throw new Error(`was bound: ${JSON.stringify(value)}`);
};

describe('bindParameters', () => {
  it('binds plain JSON by its kind', () => {
    expect(bind(null)).toEqual({ kind: 'null' });
    expect(bind(true)).toEqual({ kind: 'boolean', value: true });
    expect(bind(7)).toEqual({ kind: 'integer', value: 7n });
    expect(bind(-0)).toEqual({ kind: 'double', value: -0 });
    expect(bind(0.5)).toEqual({ kind: 'double', value: 0.5 });
    expect(bind(1e300)).toEqual({ kind: 'double', value: 1e300 });
    expect(bind('x')).toEqual({ kind: 'text', value: 'x' });
    expect(bind({ a: [1, null] })).toEqual({ kind: 'text', value: '{"a":[1,null]}' });
  });

  it('binds tagged values', () => {
    expect(bind({ $type: 'blob', value: 'AAH/' })).toEqual({ kind: 'blob', value: Buffer.from([0, 1, 255]) });
    expect(bind({ $type: 'bigint', value: '18446744073709551615' })).toEqual({
      kind: 'integer',
      value: 2n ** 64n - 1n,
    });
    expect(bind({ $type: 'bigint', value: -5 })).toEqual({ kind: 'integer', value: -5n });
    expect(bind({ $type: 'decimal', value: '-12.50' })).toEqual({ kind: 'decimal', value: '-12.50' });
    expect(bind({ $type: 'blob', value: null })).toEqual({ kind: 'null' });
    expect(
      bind({ $type: 'decimal', value: `${'0'.repeat(80)}${'9'.repeat(27)}.${'1'.repeat(38)}` }),
    ).toHaveProperty('kind', 'decimal');
  });

  it('binds what is tagged as JSON as its text, whatever it is', () => {
    for (const value of [[], [1, null], { a: [1] }, 'x', 7, true, null, { $type: 'blob', value: '' }]) {
      expect(bind({ $type: 'json', value })).toEqual({ kind: 'text', value: JSON.stringify(value) });
    }
  });

  it.each([
    ['2026-01-31', '2026-01-31'],
    ['0000-00-00 00:00:00', '0000-00-00 00:00:00'],
    ['2026-01-31T12:00:00Z', '2026-01-31 12:00:00'],
    ['2026-01-31 12:00:00.123456', '2026-01-31 12:00:00.123456'],
    ['2026-01-01T00:30:00.5+02:00', '2025-12-31 22:30:00.5'],
    ['2026-00-00', '2026-00-00'],
    ['2024-02-29T23:30:00-01:00', '2024-03-01 00:30:00'],
    ['0050-01-01T00:00:00+00:00', '0050-01-01 00:00:00'],
    ['9999-12-31T23:59:59.999999Z', '9999-12-31 23:59:59.999999'],
    ['2026-01-31T12:00Z', '2026-01-31 12:00'],
  ])('gives the datetime %s as %s', (value, text) => {
    expect(bind({ $type: 'datetime', value })).toEqual({ kind: 'text', value: text });
  });

  it.each([
    2 ** 53,
    -(2 ** 63),
    { deep: [{ n: -(2 ** 53) }] },
    { $type: 'blob', value: 'AA' },
    { $type: 'blob', value: 'AA==AA==' },
    { $type: 'blob', value: 1 },
    { $type: 'bigint', value: '18446744073709551616' },
    { $type: 'bigint', value: '-9223372036854775809' },
    { $type: 'bigint', value: '1.5' },
    { $type: 'decimal', value: '1e5' },
    { $type: 'decimal', value: '.' },
    { $type: 'datetime', value: 'yesterday' },
    { $type: 'datetime', value: '2026-13-45T99:00:00+02:00' },
    ...[
      '2024-02-30T00:00:00+00:00',
      '2024-02-30',
      '2023-02-29 00:00:00',
      '1900-02-29 00:00:00',
      '2024-04-31 00:00:00Z',
      '2024-13-01',
      '2024-01-32',
      '2024-01-01 24:00:00',
      '2024-01-01 00:60:00',
      '2024-01-01 00:00:60',
      '2024-00-00T00:00:00+01:00',
      '2024-01-01T00:00:00+24:00',
      '2024-01-01T00:00:00+01:60',
      '9999-12-31T23:00:00-05:00',
      '0000-01-01T00:00:00+01:00',
      '2024-01-01T00:00:00.1234567Z',
      ' 2024-01-01',
    ].map((value) => ({ $type: 'datetime', value })),
    { $type: 'decimal', value: `${'9'.repeat(66)}` },
    { $type: 'decimal', value: `0.${'9'.repeat(39)}` },
    { $type: 'decimal', value: `${'9'.repeat(30)}.${'9'.repeat(36)}` },
    { $type: 'decimal', value: ' 1' },
    { $type: 'decimal', value: 'Infinity' },
    { $type: 'json' },
    { $type: 'json', value: { n: 2 ** 53 } },
    [],
    [1, 2, 3],
    { $type: 'float', value: 1 },
    { $type: 'blob', value: 'AAH/', more: 1 },
    { $type: null },
  ])('refuses %j, naming statement and parameter', (value) => {
    const error = refusal(value);
    expect(error).toMatchObject({ status: 400, code: 'INVALID_PARAMETER', details: { statement: 3 } });
    expect(error.message).toContain('Parameter 1');
  });

  it('binds any JSON or refuses it with a 400', () => {
    fc.assert(
      fc.property(
        fc.jsonValue(),
        fc.constantFrom('blob', 'bigint', 'decimal', 'datetime', 'json', 'x'),
        (value, type) => {
          for (const parameter of [value, { $type: type, value }]) {
            try {
              expect(bind(parameter)).toHaveProperty('kind');
            } catch (error) {
              expect(error).toMatchObject({ status: 400 });
            }
          }
        },
      ),
    );
  });

  it('every safe whole number and every blob comes through unchanged', () => {
    fc.assert(
      fc.property(fc.maxSafeInteger(), (n) => {
        expect(bind(n)).toEqual({ kind: 'integer', value: BigInt(n) });
      }),
    );
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => {
        const value = Buffer.from(bytes);
        expect(bind({ $type: 'blob', value: value.toString('base64') })).toEqual({ kind: 'blob', value });
      }),
    );
  });
});
