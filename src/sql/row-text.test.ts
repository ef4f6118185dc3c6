import { describe, expect, it } from 'vitest';
import type { ColumnDefinition } from '../mysql-client/replies.js';
import { RowText, rowFailure } from './row-text.js';

const column = (name: string): ColumnDefinition => ({
  name,
  charset: 45,
  type: 253,
  flags: 0,
  decimals: 0,
  format: null,
  typeName: null,
});

describe('RowText', () => {
  it('makes no object with two equal keys', () => {
    const twice = [column('id'), column('id')];
    expect(() => new RowText({ rows: 'object', bigint: 'string' }).columns(twice)).toThrow(
      expect.objectContaining({ code: 'DUPLICATE_COLUMN' }),
    );
    expect(() => new RowText({ rows: 'array', bigint: 'string' }).columns(twice)).not.toThrow();
  });

  it.each([
    ['short', [0, 0, 5, 0x61]],
    ['long', [0, 0, 1, 0x61, 0x62]],
  ])('does not guess at a row that is too %s', (_what, bytes) => {
    const text = new RowText({ rows: 'array', bigint: 'string' });
    text.columns([column('a')]);
    let failure: unknown;
    try {
      text.row(Buffer.from(bytes));
    } catch (error) {
      failure = error;
    }
    expect(rowFailure(failure)).toMatchObject({ status: 501, code: 'UNREADABLE_ANSWER' });
  });
});
