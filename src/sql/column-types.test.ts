import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { ColumnDefinition } from '../mysql-client/replies.js';
import { PacketReader } from '../mysql-protocol/packet-reader.js';
import {
  COLUMN_TYPES,
  columnType,
  numberText,
  shortestFloat,
  splicedJson,
  valueDecoder,
} from './column-types.js';

const column = (overrides: Partial<ColumnDefinition>): ColumnDefinition => ({
  name: 'c',
  charset: 63,
  type: 253,
  flags: 0,
  decimals: 0,
  format: null,
  typeName: null,
  ...overrides,
});
const decode = (
  definition: Partial<ColumnDefinition>,
  bytes: number[] | Buffer,
  bigint: 'string' | 'number' = 'string',
) => valueDecoder(column(definition), bigint)(new PacketReader(Buffer.from(bytes)));

describe('columnType', () => {
  it('is of the closed list for whatever the server says', () => {
    fc.assert(
      fc.property(
        fc.nat(255),
        fc.nat(65535),
        fc.constantFrom(45, 63, 8),
        fc.constantFrom(null, 'json', 'x'),
        (type, flags, charset, format) => {
          expect(COLUMN_TYPES).toContain(columnType(column({ type, flags, charset, format })));
        },
      ),
    );
  });

  it('tells text from bytes by the character set, and JSON by MariaDB’s metadata', () => {
    expect(columnType(column({ type: 252 }))).toBe('blob');
    expect(columnType(column({ type: 252, charset: 45 }))).toBe('text');
    expect(columnType(column({ type: 252, charset: 45, format: 'json' }))).toBe('json');
    expect(columnType(column({ type: 254, charset: 45, flags: 0x100 }))).toBe('enum');
    expect(columnType(column({ type: 254, charset: 45, typeName: 'uuid' }))).toBe('uuid');
  });
});

describe('valueDecoder', () => {
  it('reads dates and times with exactly the column’s digits', () => {
    expect(decode({ type: 12 }, [0])).toBe('"0000-00-00 00:00:00"');
    expect(decode({ type: 10 }, [0])).toBe('"0000-00-00"');
    expect(decode({ type: 10 }, [4, 0xea, 7, 2, 28])).toBe('"2026-02-28"');
    expect(decode({ type: 12, decimals: 3 }, [4, 0xea, 7, 2, 28])).toBe('"2026-02-28 00:00:00.000"');
    expect(decode({ type: 7, decimals: 6 }, [11, 0xea, 7, 2, 28, 1, 2, 3, 1, 0, 0, 0])).toBe(
      '"2026-02-28 01:02:03.000001"',
    );
    expect(decode({ type: 11 }, [0])).toBe('"00:00:00"');
    expect(decode({ type: 11 }, [8, 1, 34, 0, 0, 0, 22, 59, 59])).toBe('"-838:59:59"');
    expect(decode({ type: 11, decimals: 39 }, [12, 0, 0, 0, 0, 0, 1, 2, 3, 5, 0, 0, 0])).toBe(
      '"01:02:03.000005"',
    );
  });

  it('reads every BIGINT exactly, and refuses unsafe numbers', () => {
    fc.assert(
      fc.property(fc.bigInt(-(2n ** 63n), 2n ** 63n - 1n), (value) => {
        const bytes = Buffer.alloc(8);
        bytes.writeBigInt64LE(value);
        expect(decode({ type: 8 }, bytes)).toBe(`"${value}"`);
      }),
    );
    const max = Buffer.alloc(8, 0xff);
    expect(decode({ type: 8, flags: 0x20 }, max)).toBe('"18446744073709551615"');
    expect(decode({ type: 8 }, max, 'number')).toBe('-1');
    expect(() => decode({ type: 8, flags: 0x20 }, max, 'number')).toThrow(
      expect.objectContaining({ status: 400, code: 'UNSAFE_BIGINT' }),
    );
  });

  it('gives the shortest text of a float that reads back as the same float', () => {
    expect([Math.fround(1.1), 0, -0].map(shortestFloat)).toEqual(['1.1', '0', '-0']);
    fc.assert(
      fc.property(fc.float({ noNaN: true, noDefaultInfinity: true }), (value) => {
        expect(Math.fround(Number(shortestFloat(value)))).toBe(value);
      }),
    );
  });

  it('has a text for every double that reads back as the same one', () => {
    expect([Infinity, -Infinity, NaN].map(numberText)).toEqual(['"Infinity"', '"-Infinity"', '"NaN"']);
    expect([Infinity, -Infinity].map(shortestFloat)).toEqual(['"Infinity"', '"-Infinity"']);
    fc.assert(
      fc.property(fc.double(), (value) => {
        expect(Number(JSON.parse(numberText(value)))).toBe(value);
      }),
    );
  });

  it('never makes broken JSON of a JSON column', () => {
    expect(splicedJson('{"n": 12345678901234567890}')).toBe('{"n": 12345678901234567890}');
    expect(splicedJson('[\n1,\r\n"a\\n"]')).toBe('[ 1,  "a\\n"]');
    expect(splicedJson('["a\n"]')).toBe('"[\\"a\\n\\"]"');
    fc.assert(fc.property(fc.string(), (text) => void JSON.parse(splicedJson(text))));
  });
});
