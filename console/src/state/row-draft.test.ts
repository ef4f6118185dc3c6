import { describe, expect, it } from 'vitest';
import type { Column, Table } from '../../../client/src/index.js';
import {
  type Draft,
  entryOf,
  fieldsOf,
  isNull,
  nullEntry,
  resultOf,
  shownText,
  typedEntry,
} from './row-draft.js';

const column = (name: string, type: Column['type'], more: object = {}) => ({
  facts: {
    name,
    type,
    nullable: true,
    default: null,
    generated: null,
    autoIncrement: false,
    comment: '',
    ...more,
  },
  column: { name, type, nullable: true } as Column,
});
const all = [
  column('id', 'int', { nullable: false, autoIncrement: true }),
  column('note', 'text'),
  column('total', 'decimal', { nullable: false, default: '0.00' }),
  column('twice', 'decimal', { generated: '`total` * 2' }),
  column('place', 'geometry'),
];
const table = { columns: all.map(({ facts }) => facts) } as unknown as Table;
const columns = all.map((each) => each.column);
const edit = fieldsOf(table, columns, ['id'], [7, 'a\r\nb', '1.50', '3.00', 'AAAA']);
const added = fieldsOf(table, columns, ['id'], null);
const field = (fields: typeof edit, name: string) => {
  const found = fields.find((each) => each.name === name);
  if (found === undefined) throw new Error(name);
  return found;
};

describe('a row in a form', () => {
  it('shows what is there, and locks what nobody types', () => {
    expect(edit.map((each) => shownText(each, entryOf({}, each.name)))).toEqual([
      '7',
      'a\r\nb',
      '1.50',
      '3.00',
      '',
    ]);
    expect(edit.filter(({ locked }) => locked !== null).map(({ name }) => name)).toEqual(['twice', 'place']);
    expect(edit.filter(({ isKey }) => isKey).map(({ name }) => name)).toEqual(['id']);
  });

  it('says what a new row gets by itself', () => {
    expect(added.slice(0, 3).map(({ placeholder }) => placeholder)).toEqual([
      'the next number',
      'NULL',
      'default 0.00',
    ]);
  });

  it('changes nothing when what is typed was there before', () => {
    const note = field(edit, 'note');
    expect(typedEntry(note, 'a\nb')).toEqual({ mode: 'same', text: '' });
    const typed = typedEntry(note, 'a\nc');
    expect(resultOf(edit, { note: typed })).toEqual({
      changes: [{ column: 'note', bound: 'a\r\nc' }],
      wrong: {},
    });
    expect(resultOf(edit, {})).toEqual({ changes: [], wrong: {} });
  });

  it('tells an empty text from NULL and from the default', () => {
    const note = field(added, 'note');
    expect(resultOf(added, { note: typedEntry(note, '') }).changes).toEqual([{ column: 'note', bound: '' }]);
    expect(resultOf(added, { note: nullEntry(note, true) }).changes).toEqual([
      { column: 'note', bound: null },
    ]);
    expect(resultOf(added, {}).changes).toEqual([]);
  });

  it('takes NULL away, and brings it back', () => {
    const fields = fieldsOf(table, columns, ['id'], [7, null, '1.50', '3.00', null]);
    const note = field(fields, 'note');
    expect(isNull(note, entryOf({}, 'note'))).toBe(true);
    const without = nullEntry(note, false);
    expect(without).toEqual({ mode: 'value', text: '' });
    expect(isNull(note, without)).toBe(false);
    expect(nullEntry(note, true).mode).toBe('same');
    const was = field(edit, 'note');
    expect(isNull(was, nullEntry(was, true))).toBe(true);
    expect(shownText(was, nullEntry(was, true))).toBe('');
    expect(nullEntry(was, false).mode).toBe('same');
  });

  it('names the field whose text is no value, and ignores locked ones', () => {
    const draft: Draft = {
      total: { mode: 'value', text: '12,5' },
      twice: { mode: 'value', text: '1' },
      id: { mode: 'value', text: '8' },
    };
    expect(resultOf(edit, draft)).toEqual({
      changes: [{ column: 'id', bound: { $type: 'bigint', value: '8' } }],
      wrong: { total: 'This takes a number like 12.50.' },
    });
  });
});
