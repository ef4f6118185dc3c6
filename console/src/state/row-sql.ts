/** Statements about the rows of a table. Names are quoted, values are parameters. Pure. */
import type { Column, Table } from '../../../client/src/index.js';
import { type Bound, type BoundStatement, boundOf, boundOfText } from './bound.js';
import { type Place, quoted, quotedPlace } from './names.js';

export type Order = 'asc' | 'desc';
export const PAGE_ROWS = 100;

/**
 * The columns that tell one row from all others: the primary key, else the shortest unique key without NULL. As the node chooses it
 * for its pages. Null: there is none.
 */
export function keyOf({ columns, indexes, kind }: Table): readonly string[] | null {
  if (kind !== 'table') return null;
  const nullable = new Set(columns.filter((column) => column.nullable).map(({ name }) => name));
  const fit = indexes.filter(
    (index) =>
      index.unique &&
      index.kind === 'BTREE' &&
      index.columns.every(({ name, prefix }) => prefix === null && !nullable.has(name)),
  );
  const rank = (index: Table['indexes'][number]) => (index.name === 'PRIMARY' ? 0 : index.columns.length);
  const [best] = [...fit].sort((a, b) => rank(a) - rank(b) || (a.name < b.name ? -1 : 1));
  return best ? best.columns.map(({ name }) => name) : null;
}

export const OPERATORS = {
  equal: '=',
  unequal: '≠',
  less: '<',
  atMost: '≤',
  greater: '>',
  atLeast: '≥',
  contains: 'contains',
  begins: 'begins with',
  null: 'is NULL',
  notNull: 'is not NULL',
} as const;
export type Operator = keyof typeof OPERATORS;

export interface Filter {
  readonly column: string;
  readonly operator: Operator;
  readonly text: string;
}

const SIGNS: Partial<Record<Operator, string>> = {
  equal: '=',
  unequal: '<>',
  less: '<',
  atMost: '<=',
  greater: '>',
  atLeast: '>=',
};

export const needsText = (operator: Operator): boolean => operator !== 'null' && operator !== 'notNull';

/** The condition of a filter, or what is wrong with its value. */
export function conditionOf(
  filter: Filter,
  type: Column['type'],
): { readonly condition: BoundStatement } | { readonly wrong: string } {
  const { operator, text } = filter;
  const name = quoted(filter.column);
  if (!needsText(operator))
    return { condition: { sql: `${name} IS ${operator === 'null' ? '' : 'NOT '}NULL`, params: [] } };
  const sign = SIGNS[operator];
  if (sign !== undefined) {
    const typed = boundOfText(text, type);
    if ('wrong' in typed) return typed;
    return { condition: { sql: `${name} ${sign} ?`, params: [typed.bound] } };
  }
  const plain = text.replaceAll(/[|%_]/g, '|$&');
  const pattern = operator === 'contains' ? `%${plain}%` : `${plain}%`;
  // The bar, because what a backslash means depends on the server's sql_mode.
  return { condition: { sql: `${name} LIKE ? ESCAPE '|'`, params: [pattern] } };
}

/** One row more than a page tells whether there is another page. */
export function selectStatement(wish: {
  readonly place: Place;
  readonly columns: readonly string[];
  readonly key: readonly string[] | null;
  readonly order: Order;
  readonly condition: BoundStatement | null;
  readonly offset: number;
}): BoundStatement {
  const { place, columns, key, order, condition, offset } = wish;
  const by = key?.map((name) => quoted(name) + (order === 'desc' ? ' DESC' : '')).join(', ');
  return {
    sql: [
      `SELECT ${columns.map(quoted).join(', ')}`,
      `FROM ${quotedPlace(place)}`,
      ...(condition === null ? [] : [`WHERE ${condition.sql}`]),
      ...(by === undefined ? [] : [`ORDER BY ${by}`]),
      `LIMIT ${PAGE_ROWS + 1} OFFSET ${Math.max(0, Math.trunc(offset))}`,
    ].join('\n'),
    params: condition?.params ?? [],
  };
}

/** A row as it was read, and how its columns are called. */
export interface ReadRow {
  readonly place: Place;
  readonly key: readonly string[];
  readonly columns: readonly Column[];
  readonly values: readonly unknown[];
}

export interface Change {
  readonly column: string;
  readonly bound: Bound;
}

/** Their text has more than one form, or they are compared by something else than what was shown. */
const NOT_COMPARED = /^(json|float|double|bit|geometry|blob)$/;

/** The row by its key, and only as long as what is changed is still what was read: nobody's later change is lost. */
export function updateStatement(row: ReadRow, changes: readonly Change[]): BoundStatement {
  const before = changes.flatMap(({ column }) => {
    const at = indexOf(row, column);
    const type = row.columns[at]?.type;
    return type === undefined || NOT_COMPARED.test(type) || row.key.includes(column)
      ? []
      : [{ sql: `${quoted(column)} <=> ?`, params: [boundOf(row.values[at], type)] }];
  });
  const where = [...keyConditions(row), ...before];
  return {
    sql: [
      `UPDATE ${quotedPlace(row.place)}`,
      `SET ${changes.map(({ column }) => `${quoted(column)} = ?`).join(', ')}`,
      `WHERE ${where.map(({ sql }) => sql).join(' AND ')}`,
    ].join('\n'),
    params: [...changes.map(({ bound }) => bound), ...where.flatMap(({ params }) => params)],
  };
}

export function deleteStatement(row: ReadRow): BoundStatement {
  const where = keyConditions(row);
  return {
    sql: `DELETE FROM ${quotedPlace(row.place)}\nWHERE ${where.map(({ sql }) => sql).join(' AND ')}`,
    params: where.flatMap(({ params }) => params),
  };
}

/** Columns without a value of their own get their defaults. */
export function insertStatement(place: Place, changes: readonly Change[]): BoundStatement {
  return {
    sql: [
      `INSERT INTO ${quotedPlace(place)} (${changes.map(({ column }) => quoted(column)).join(', ')})`,
      `VALUES (${changes.map(() => '?').join(', ')})`,
    ].join('\n'),
    params: changes.map(({ bound }) => bound),
  };
}

function keyConditions(row: ReadRow): BoundStatement[] {
  return row.key.map((name) => {
    const at = indexOf(row, name);
    const type = row.columns[at]?.type;
    if (type === undefined) throw new Error(`The row has no column ${name} of its key.`);
    return { sql: `${quoted(name)} = ?`, params: [boundOf(row.values[at], type)] };
  });
}

const indexOf = ({ columns }: ReadRow, name: string): number =>
  columns.findIndex((column) => column.name === name);
