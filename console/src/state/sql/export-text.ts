/** Rows as the text of a file. Pure. */
import type { Column } from '../../../../client/src/index.js';
import { quoted } from '../names.js';
import { BINARY, isNumeric, valueText } from '../sql-result.js';
import { textFor } from './cell-text.js';

export type Format = 'csv' | 'json' | 'sql';

export const FORMATS: Readonly<Record<Format, { readonly title: string; readonly type: string }>> = {
  csv: { title: 'CSV', type: 'text/csv;charset=utf-8' },
  json: { title: 'JSON', type: 'application/json' },
  sql: { title: 'SQL INSERTs', type: 'application/sql' },
};

interface Writer {
  readonly begin: string;
  /** `first`: no row comes before it. */
  row(values: readonly unknown[], first: boolean): string;
  readonly end: string;
}

/** `table`: for INSERTs, the one that the statement reads, as it was written. */
export function writerOf(format: Format, columns: readonly Column[], table: string): Writer {
  if (format === 'csv') return csv(columns);
  return format === 'json' ? json(columns) : sql(columns, table);
}

/** RFC 4180. NULL is an empty field, and an empty text is one in quotes. */
function csv(columns: readonly Column[]): Writer {
  return {
    begin: `${columns.map(({ name }) => csvField(name)).join(',')}\r\n`,
    row: (values) =>
      `${columns
        .map((column, at) => {
          const text = textFor(values[at], column);
          return text === null ? '' : csvField(text);
        })
        .join(',')}\r\n`,
    end: '',
  };
}

const csvField = (text: string): string =>
  text === '' || /[",\r\n]|^\s|\s$/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;

/** An array of objects; a name that comes again gets a number. */
function json(columns: readonly Column[]): Writer {
  const names = uniqueNames(columns).map((name) => JSON.stringify(name));
  return {
    begin: '[',
    row: (values, first) =>
      `${first ? '\n' : ',\n'}{${names.map((name, at) => `${name}:${JSON.stringify(values[at] ?? null)}`).join(',')}}`,
    end: '\n]\n',
  };
}

function uniqueNames(columns: readonly Column[]): readonly string[] {
  const used = new Set<string>();
  return columns.map(({ name }) => {
    let unique = name;
    for (let again = 2; used.has(unique); again++) unique = `${name}_${again}`;
    used.add(unique);
    return unique;
  });
}

function sql(columns: readonly Column[], table: string): Writer {
  const into = `INSERT INTO ${table} (${columns.map(({ name }) => quoted(name)).join(', ')}) VALUES `;
  return {
    begin: '',
    row: (values) => `${into}(${columns.map((column, at) => literal(values[at], column)).join(', ')});\n`,
    end: '',
  };
}

function literal(value: unknown, column: Column): string {
  if (value === null || value === undefined) return 'NULL';
  if (BINARY.test(column.type)) return textFor(value, column) ?? 'NULL';
  const text = valueText(value, column) ?? 'NULL';
  // Infinity and NaN are no numbers for SQL.
  if (isNumeric(column) && /^[-+.\deE]+$/.test(text)) return text;
  return `'${text.replaceAll('\\', '\\\\').replaceAll("'", "''")}'`;
}

/** The table that a statement reads first, as it was written; without one, a name to be replaced. */
export function tableFor(statement: string): string {
  const name = '(?:`(?:[^`]|``)+`|[\\p{L}_$][\\p{L}\\d_$]*)';
  return new RegExp(`\\bFROM\\s+(${name}(?:\\.${name})?)`, 'iu').exec(statement)?.[1] ?? '`table`';
}

/** Whether a statement is run again for the rows that the page has not kept: never one that may have changed something. */
export const mayRunAgain = (statement: string): boolean =>
  /^\(*\s*(?:SELECT|WITH|TABLE|VALUES|SHOW|DESC|DESCRIBE)\b/i.test(statement);
