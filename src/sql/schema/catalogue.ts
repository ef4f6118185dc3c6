/** Questions to the server's information_schema, and what their rows mean. No I/O. */
import type { IndexPart } from './keyset.js';

/** The server's own schemas and Skein's: not shown to any role, whatever its account could read by SQL. */
const SYSTEM_SCHEMAS: readonly string[] = [
  'information_schema',
  'performance_schema',
  'mysql',
  'sys',
  'skein',
];

export function isSystemSchema(database: string): boolean {
  return SYSTEM_SCHEMAS.includes(database.toLowerCase());
}

/** A schema with more tables is listed in part. */
export const TABLES_MAX = 10_000;

type Row = Readonly<Record<string, string | number | null>>;

export interface Question {
  readonly sql: string;
  readonly params: readonly string[];
}

const NOT_SYSTEM = `NOT IN (${SYSTEM_SCHEMAS.map((name) => `'${name}'`).join(', ')})`;
const TABLE_FACTS =
  'TABLE_SCHEMA, TABLE_NAME, TABLE_TYPE, ENGINE, TABLE_ROWS, DATA_LENGTH, INDEX_LENGTH, TABLE_COMMENT';
/** information_schema compares names without regard to case; the server's own names here do not. */
const THIS_TABLE =
  'TABLE_SCHEMA = ? AND TABLE_NAME = ? AND BINARY TABLE_SCHEMA = BINARY ? AND BINARY TABLE_NAME = BINARY ?';

export function databasesQuestion(database: string | null): Question {
  return {
    sql: `SELECT SCHEMA_NAME, DEFAULT_CHARACTER_SET_NAME, DEFAULT_COLLATION_NAME FROM information_schema.SCHEMATA
      WHERE SCHEMA_NAME ${NOT_SYSTEM}${database === null ? '' : ' AND BINARY SCHEMA_NAME = BINARY ?'} ORDER BY SCHEMA_NAME`,
    params: database === null ? [] : [database],
  };
}

export function tablesQuestion(database: string | null): Question {
  return {
    sql: `SELECT ${TABLE_FACTS} FROM information_schema.TABLES
      WHERE TABLE_SCHEMA ${NOT_SYSTEM}${database === null ? '' : ' AND TABLE_SCHEMA = ? AND BINARY TABLE_SCHEMA = BINARY ?'}
      ORDER BY TABLE_SCHEMA, TABLE_NAME LIMIT ${TABLES_MAX + 1}`,
    params: database === null ? [] : [database, database],
  };
}

const ofTable = (sql: string, database: string, table: string): Question => ({
  sql,
  params: [database, table, database, table],
});

export function tableQuestion(database: string, table: string): Question {
  return ofTable(`SELECT ${TABLE_FACTS} FROM information_schema.TABLES WHERE ${THIS_TABLE}`, database, table);
}

export function columnsQuestion(database: string, table: string): Question {
  return ofTable(
    `SELECT COLUMN_NAME, DATA_TYPE, COLUMN_TYPE, IS_NULLABLE, COLUMN_DEFAULT, GENERATION_EXPRESSION, EXTRA,
      CHARACTER_SET_NAME, COLLATION_NAME, COLUMN_COMMENT
      FROM information_schema.COLUMNS WHERE ${THIS_TABLE} ORDER BY ORDINAL_POSITION`,
    database,
    table,
  );
}

export function indexesQuestion(database: string, table: string): Question {
  return ofTable(
    `SELECT INDEX_NAME, COLUMN_NAME, NON_UNIQUE, INDEX_TYPE, SUB_PART, NULLABLE, COLLATION
      FROM information_schema.STATISTICS WHERE ${THIS_TABLE} ORDER BY INDEX_NAME, SEQ_IN_INDEX`,
    database,
    table,
  );
}

export function foreignKeysQuestion(database: string, table: string): Question {
  return {
    sql: `SELECT k.CONSTRAINT_NAME, k.COLUMN_NAME, k.REFERENCED_TABLE_SCHEMA, k.REFERENCED_TABLE_NAME,
      k.REFERENCED_COLUMN_NAME, r.UPDATE_RULE, r.DELETE_RULE
      FROM information_schema.KEY_COLUMN_USAGE k JOIN information_schema.REFERENTIAL_CONSTRAINTS r
        ON r.CONSTRAINT_SCHEMA = k.CONSTRAINT_SCHEMA AND r.TABLE_NAME = k.TABLE_NAME AND r.CONSTRAINT_NAME = k.CONSTRAINT_NAME
      WHERE k.TABLE_SCHEMA = ? AND k.TABLE_NAME = ? AND BINARY k.TABLE_SCHEMA = BINARY ? AND BINARY k.TABLE_NAME = BINARY ?
        AND r.CONSTRAINT_SCHEMA = ? AND r.TABLE_NAME = ?
      ORDER BY k.CONSTRAINT_NAME, k.ORDINAL_POSITION`,
    params: [database, table, database, table, database, table],
  };
}

const text = (value: string | number | null | undefined): string => String(value ?? '');
const textOrNull = (value: string | number | null | undefined): string | null =>
  value == null ? null : String(value);
const countOrNull = (value: string | number | null | undefined): number | null =>
  value == null ? null : Number(value);

export function tableFacts(row: Row) {
  return {
    name: text(row.TABLE_NAME),
    kind: kindOf(text(row.TABLE_TYPE)),
    engine: textOrNull(row.ENGINE),
    rows: countOrNull(row.TABLE_ROWS),
    dataBytes: countOrNull(row.DATA_LENGTH),
    indexBytes: countOrNull(row.INDEX_LENGTH),
    // The server says VIEW of every view here.
    comment: row.TABLE_TYPE === 'VIEW' ? '' : text(row.TABLE_COMMENT),
  };
}

function kindOf(type: string): 'table' | 'view' | 'sequence' {
  if (type.endsWith('VIEW')) return 'view';
  return type === 'SEQUENCE' ? 'sequence' : 'table';
}

export function columnFacts(row: Row) {
  return {
    name: text(row.COLUMN_NAME),
    type: text(row.COLUMN_TYPE),
    nullable: row.IS_NULLABLE === 'YES',
    // MariaDB writes the text NULL where a column that may be null has no other default.
    default: row.COLUMN_DEFAULT === 'NULL' ? null : textOrNull(row.COLUMN_DEFAULT),
    generated: textOrNull(row.GENERATION_EXPRESSION),
    autoIncrement: text(row.EXTRA).includes('auto_increment'),
    charset: textOrNull(row.CHARACTER_SET_NAME),
    collation: textOrNull(row.COLLATION_NAME),
    comment: text(row.COLUMN_COMMENT),
  };
}

export function indexPart(row: Row): IndexPart & { readonly descending: boolean } {
  return {
    index: text(row.INDEX_NAME),
    column: text(row.COLUMN_NAME),
    unique: Number(row.NON_UNIQUE) === 0,
    kind: text(row.INDEX_TYPE),
    prefix: countOrNull(row.SUB_PART),
    nullable: row.NULLABLE === 'YES',
    descending: row.COLLATION === 'D',
  };
}

export function indexFacts(rows: readonly Row[]) {
  return grouped(rows.map(indexPart), ({ index }) => index).map((parts) => ({
    name: parts[0].index,
    unique: parts[0].unique,
    kind: parts[0].kind,
    columns: parts.map(({ column, prefix, descending }) => ({ name: column, prefix, descending })),
  }));
}

export function foreignKeyFacts(rows: readonly Row[]) {
  return grouped(rows, (row) => text(row.CONSTRAINT_NAME)).map((parts) => ({
    name: text(parts[0].CONSTRAINT_NAME),
    columns: parts.map((row) => text(row.COLUMN_NAME)),
    references: {
      database: text(parts[0].REFERENCED_TABLE_SCHEMA),
      table: text(parts[0].REFERENCED_TABLE_NAME),
      columns: parts.map((row) => text(row.REFERENCED_COLUMN_NAME)),
    },
    onUpdate: text(parts[0].UPDATE_RULE),
    onDelete: text(parts[0].DELETE_RULE),
  }));
}

function grouped<T>(items: readonly T[], nameOf: (item: T) => string): [T, ...T[]][] {
  const groups = new Map<string, [T, ...T[]]>();
  for (const item of items) {
    const group = groups.get(nameOf(item));
    if (group) group.push(item);
    else groups.set(nameOf(item), [item]);
  }
  return [...groups.values()];
}
