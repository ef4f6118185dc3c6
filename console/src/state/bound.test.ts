import { describe, expect, it } from 'vitest';
import type { Column } from '../../../client/src/index.js';
import { boundOf, boundOfText, boundText, cut, typedText, withLineEndsOf } from './bound.js';

const column = (type: Column['type']): Column => ({ name: 'c', type, nullable: true });
const blob = (value: string) => ({ $type: 'blob', value });

describe('a value of an answer as a parameter', () => {
  it('keeps all its digits, and its type', () => {
    expect(boundOf('18446744073709551615', 'bigint')).toEqual({
      $type: 'bigint',
      value: '18446744073709551615',
    });
    expect(boundOf(-7, 'int')).toEqual({ $type: 'bigint', value: '-7' });
    expect(boundOf('12.50', 'decimal')).toEqual({ $type: 'decimal', value: '12.50' });
    expect(boundOf('AP8Q', 'varbinary')).toEqual(blob('AP8Q'));
    expect(boundOf('BQ==', 'bit')).toEqual({ $type: 'bigint', value: '5' });
    expect(boundOf('2026-02-28 23:59:59.5', 'datetime')).toBe('2026-02-28 23:59:59.5');
    expect(boundOf('it’s', 'varchar')).toBe('it’s');
    expect(boundOf({ n: 1 }, 'json')).toBe('{"n":1}');
  });

  it('is what the server compares: floats of 32 bits, years of four digits', () => {
    expect(boundOf(0.1, 'float')).toBe(Math.fround(0.1));
    expect(boundOf(0.1, 'double')).toBe(0.1);
    expect(boundOf(0, 'year')).toBe('0000');
    expect(boundOf(2026, 'year')).toBe('2026');
  });

  it('is NULL where there is none, and nowhere else', () => {
    expect(boundOf(null, 'int')).toBe(null);
    expect(boundOf('', 'varchar')).toBe('');
    expect(boundOf('NULL', 'varchar')).toBe('NULL');
    expect(boundOf(0, 'int')).not.toBe(null);
  });
});

describe('a typed text as a parameter', () => {
  const given: [Column['type'], string, unknown][] = [
    ['int', ' 42 ', { $type: 'bigint', value: '42' }],
    ['bigint', '-9223372036854775808', { $type: 'bigint', value: '-9223372036854775808' }],
    ['decimal', '.5', { $type: 'decimal', value: '.5' }],
    ['double', '1e9', 1e9],
    ['bit', '0x05', { $type: 'bigint', value: '5' }],
    ['bit', '0b101', { $type: 'bigint', value: '5' }],
    ['varbinary', '0x00ff10', blob('AP8Q')],
    ['blob', '', blob('')],
    ['json', '{"a": 12345678901234567890}', '{"a": 12345678901234567890}'],
    ['varchar', ' kept as it is ', ' kept as it is '],
    ['date', '2026-02-30', '2026-02-30'],
  ];
  it.each(given)('%s %j', (type, text, bound) => {
    expect(boundOfText(text, type)).toEqual({ bound });
  });

  const refused: [Column['type'], string][] = [
    ['int', ''],
    ['int', '1.5'],
    ['int', '1; DROP TABLE x'],
    ['decimal', '12,5'],
    ['double', 'NaN'],
    ['double', ''],
    ['bit', '-1'],
    ['blob', '0x0'],
    ['blob', 'bytes'],
    ['json', '{a: 1}'],
    ['json', ''],
  ];
  it.each(refused)('%s %j is none, and says what is', (type, text) => {
    expect(boundOfText(text, type)).toEqual({ wrong: expect.stringMatching(/^This .*\.$/) });
  });
});

describe('a value in a form', () => {
  it('comes back as the same parameter when nobody changed it', () => {
    const values: [Column['type'], unknown][] = [
      ['int', -7],
      ['bigint', '18446744073709551615'],
      ['decimal', '12.50'],
      ['varbinary', 'AP8Q'],
      ['blob', ''],
      ['bit', 'BQ=='],
      ['varchar', '<img src=x onerror=alert(1)>'],
      ['json', { list: [1, 'two', null] }],
      ['double', 1.5],
    ];
    for (const [type, value] of values) {
      const text = typedText(value, column(type));
      expect(boundOfText(text ?? '', type)).toEqual({ bound: boundOf(value, type) });
    }
  });

  it('is not written by hand when it is a shape, or has thousands of bytes', () => {
    expect(typedText('AAAA', column('geometry'))).toBe(null);
    expect(typedText(btoa('x'.repeat(4097)), column('blob'))).toBe(null);
    expect(typedText(btoa('x'.repeat(4096)), column('blob'))).toHaveLength(2 + 2 * 4096);
  });

  it('keeps the line ends that it had', () => {
    expect(withLineEndsOf('a\nb', 'x\r\ny')).toBe('a\r\nb');
    expect(withLineEndsOf('a\nb', 'x\ny')).toBe('a\nb');
    expect(withLineEndsOf('a\nb', 'x\r\ny\nz')).toBe('a\nb');
    expect(withLineEndsOf('a\nb', '')).toBe('a\nb');
  });
});

describe('a parameter below its statement', () => {
  it('tells NULL from its name, and bytes by their digits', () => {
    expect(boundText(null)).toEqual({ text: 'NULL', isNull: true });
    expect(boundText('NULL')).toEqual({ text: 'NULL', isNull: false });
    expect(boundText({ $type: 'blob', value: 'AP8Q' }).text).toBe('0x00ff10');
    expect(boundText({ $type: 'decimal', value: '1.50' }).text).toBe('1.50');
    expect(boundText(7).text).toBe('7');
  });

  it('is cut when it is long, and says so', () => {
    expect(cut('short')).toBe('short');
    expect(cut('x'.repeat(1200))).toBe(`${'x'.repeat(300)} ... (1,200 characters)`);
  });
});
