import { durationText } from '../std/duration-text.js';
import { type Column, textTable } from './text-table.js';

/** The part of the answer of POST /v1/sql that is shown. */
export interface SqlAnswer {
  results: {
    columns: { name: string; type: string }[];
    rows: unknown[][];
    rowCount: number;
    affectedRows: number;
    insertId: string | null;
    warnings: number;
    durationMs: number;
  }[];
  position: string;
  node: string;
  role: string;
  durationMs: number;
}

/** Column types that read better at the right. */
const NUMBERS = /^(tinyint|smallint|mediumint|int|bigint|float|double|decimal|year)$/;

export function formatResults(answer: SqlAnswer): { text: string; summary: string } {
  const tables = answer.results.filter(({ columns }) => columns.length > 0).map(tableOf);
  const counts = answer.results.map((result) => {
    return [
      result.columns.length > 0
        ? plural(result.rows.length, 'row')
        : `${plural(result.affectedRows, 'row')} affected`,
      ...(result.insertId ? [`insert id ${result.insertId}`] : []),
      ...(result.warnings > 0 ? [plural(result.warnings, 'warning')] : []),
    ].join(', ');
  });
  return {
    text: tables.map((lines) => `${lines.join('\n')}\n`).join('\n'),
    summary: `${counts.join('; ')} (${durationText(answer.durationMs)}, ${answer.node} ${answer.role}, position ${answer.position})\n`,
  };
}

function tableOf({ columns, rows }: SqlAnswer['results'][number]): string[] {
  const heads = columns.map(
    ({ name, type }): Column => ({ name, align: NUMBERS.test(type) ? 'right' : 'left' }),
  );
  const [head = '', ...lines] = textTable(
    heads,
    rows.map((row) => row.map(cellText)),
  );
  return [head, '-'.repeat(Math.max(head.length, ...lines.map((line) => line.length))), ...lines];
}

function cellText(value: unknown): string {
  if (value === null || value === undefined) return 'NULL';
  return typeof value === 'object' ? JSON.stringify(value) : String(value);
}

const plural = (count: number, word: string) => `${count} ${word}${count === 1 ? '' : 's'}`;
