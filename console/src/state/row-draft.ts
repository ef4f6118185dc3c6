/** A row in a form: what was typed, and what that changes. Pure. */
import type { Column, Table, TableColumn } from '../../../client/src/index.js';
import { boundOfText, typedText, withLineEndsOf } from './bound.js';
import { enumChoices, setChoices } from './enum-choices.js';
import type { Change } from './row-sql.js';

/** `same`: as it is in the row, or as the default has it in a new one. */
export interface Entry {
  readonly mode: 'same' | 'null' | 'value';
  readonly text: string;
}

export interface Field {
  readonly name: string;
  readonly type: Column['type'];
  /** As the server writes it: `varchar(20)`. */
  readonly declared: string;
  readonly nullable: boolean;
  /** The values that an ENUM has; null = anything may be typed. */
  readonly choices: readonly string[] | null;
  /** Those that a SET may have, any number of them; null = it is no SET. */
  readonly setChoices: readonly string[] | null;
  /** In a text area: a field of one line would lose the line ends. */
  readonly isLong: boolean;
  /** Why nobody types here; null = one may. */
  readonly locked: string | null;
  /** Of the row; in a new one, null. */
  readonly before: { readonly text: string; readonly isNull: boolean } | null;
  /** What stands in the empty field. */
  readonly placeholder: string;
  readonly isKey: boolean;
}

export type Draft = Readonly<Record<string, Entry>>;
const SAME: Entry = { mode: 'same', text: '' };

const TEXTS = /^(char|varchar|text|json|blob|binary|varbinary)$/;

/** `values`: of the row; null = a new one. */
export function fieldsOf(
  table: Table,
  columns: readonly Column[],
  key: readonly string[] | null,
  values: readonly unknown[] | null,
): Field[] {
  return columns.flatMap((column, at) => {
    const facts = table.columns.find(({ name }) => name === column.name);
    if (facts === undefined) return [];
    const value = values?.[at] ?? null;
    const text = value === null ? '' : typedText(value, column);
    const before = values === null ? null : { text: text ?? '', isNull: value === null };
    return [
      {
        name: column.name,
        type: column.type,
        declared: facts.type,
        nullable: facts.nullable,
        choices: enumChoices(facts.type),
        setChoices: setChoices(facts.type),
        isLong: TEXTS.test(column.type),
        locked: lockOf(facts, column, text),
        before,
        placeholder: before === null ? defaultText(facts) : before.isNull ? 'NULL' : '',
        isKey: key?.includes(column.name) ?? false,
      },
    ];
  });
}

function lockOf(facts: TableColumn, { type }: Column, text: string | null): string | null {
  if (facts.generated !== null) return `The server makes it: ${facts.generated}`;
  if (type === 'geometry') return 'A geometry is written with SQL.';
  return text === null ? 'It is too long to be written here; use SQL.' : null;
}

function defaultText({ autoIncrement, default: value, nullable }: TableColumn): string {
  if (autoIncrement) return 'the next number';
  if (value !== null) return `default ${value}`;
  return nullable ? 'NULL' : 'no default';
}

export const entryOf = (draft: Draft, name: string): Entry => draft[name] ?? SAME;

/** What stands in the field now. */
export function shownText(field: Field, { mode, text }: Entry): string {
  if (mode === 'value') return text;
  return mode === 'null' ? '' : (field.before?.text ?? '');
}

export const isNull = (field: Field, { mode }: Entry): boolean =>
  mode === 'null' || (mode === 'same' && (field.before?.isNull ?? false));

/** After somebody typed: back to what was there before counts as no change. */
export function typedEntry(field: Field, text: string): Entry {
  const { before } = field;
  if (before !== null && !before.isNull && text === before.text.replaceAll('\r\n', '\n')) return SAME;
  return { mode: 'value', text: withLineEndsOf(text, before?.text ?? '') };
}

export function nullEntry(field: Field, on: boolean): Entry {
  const wasNull = field.before?.isNull ?? false;
  if (on) return wasNull ? SAME : { mode: 'null', text: '' };
  return wasNull ? { mode: 'value', text: '' } : SAME;
}

export interface DraftResult {
  readonly changes: readonly Change[];
  /** By the name of the column. */
  readonly wrong: Readonly<Record<string, string>>;
}

export function resultOf(fields: readonly Field[], draft: Draft): DraftResult {
  const changes: Change[] = [];
  const wrong: Record<string, string> = {};
  for (const field of fields) {
    const { mode, text } = entryOf(draft, field.name);
    if (mode === 'same' || field.locked !== null) continue;
    const typed = mode === 'null' ? { bound: null } : boundOfText(text, field.type);
    if ('wrong' in typed) wrong[field.name] = typed.wrong;
    else changes.push({ column: field.name, bound: typed.bound });
  }
  return { changes, wrong };
}
