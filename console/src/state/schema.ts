/** Databases and tables as they are listed, and who may change their rows. Pure. */
import type {
  ClusterStatus,
  Column,
  Member,
  Schema,
  Table,
  TableSummary,
} from '../../../client/src/index.js';
import type { Role } from './actions.js';
import { memberOf } from './status.js';
import { bytes, count, counted } from './text.js';

/** More tables than this are not read one by one; the search finds the rest. */
export const TABLES_SHOWN = 500;

export interface ListedTable {
  readonly name: string;
  readonly kind: string;
  readonly rows: string;
  readonly data: string;
  readonly indexes: string;
  readonly comment: string;
}

export interface ListedDatabase {
  readonly name: string;
  readonly summary: string;
  readonly tables: readonly ListedTable[];
}

export interface Listing {
  readonly databases: readonly ListedDatabase[];
  /** Tables that match and are not listed. */
  readonly more: number;
}

const NONE = '–';
const sizeText = (size: number | null): string => (size === null ? NONE : bytes(size));

/** `search`: in the names of tables and databases. `only`: this database. */
export function listingOf({ databases }: Schema, search: string, only: string | null): Listing {
  const wanted = search.trim().toLowerCase();
  const has = (name: string) => name.toLowerCase().includes(wanted);
  let room = TABLES_SHOWN;
  let more = 0;
  const listed = databases.flatMap((database): ListedDatabase[] => {
    if (only !== null && database.name !== only) return [];
    const isFound = has(database.name);
    const found = isFound ? database.tables : database.tables.filter(({ name }) => has(name));
    if (!isFound && found.length === 0) return [];
    const tables = found.slice(0, room);
    room -= tables.length;
    more += found.length - tables.length;
    return [{ name: database.name, summary: summaryOf(database.tables), tables: tables.map(listedTable) }];
  });
  return { databases: listed, more };
}

function summaryOf(tables: readonly TableSummary[]): string {
  const size = tables.reduce((sum, table) => sum + (table.dataBytes ?? 0) + (table.indexBytes ?? 0), 0);
  return `${counted(tables.length, 'table')}, ${bytes(size)}`;
}

function listedTable({
  name,
  kind,
  engine,
  rows,
  dataBytes,
  indexBytes,
  comment,
}: TableSummary): ListedTable {
  return {
    name,
    kind: kind === 'table' ? (engine ?? kind) : kind,
    // The server estimates it.
    rows: rows === null || kind === 'view' ? NONE : `${rows === 0 ? '' : '≈ '}${count(rows)}`,
    data: sizeText(dataBytes),
    indexes: sizeText(indexBytes),
    comment,
  };
}

export function tableFacts(table: Table): string[] {
  const { kind, engine, rows, dataBytes, indexBytes } = table;
  if (kind !== 'table') return [kind];
  return [
    ...(engine === null ? [] : [engine]),
    ...(rows === null ? [] : [`about ${counted(rows, 'row')}`]),
    ...(dataBytes === null ? [] : [`${bytes(dataBytes)} of data`]),
    ...(indexBytes === null ? [] : [`${bytes(indexBytes)} of indexes`]),
  ];
}

/** Why the rows are only looked at here, and where they can be changed. Null: they can be changed here. */
export function lookOnly(
  status: ClusterStatus,
  { self, role, table, key }: { self: string; role: Role; table: Table; key: readonly string[] | null },
): { readonly text: string; readonly primary: Member | null } | null {
  const { kind } = table;
  const only = (text: string, primary: Member | null = null) => ({ text, primary });
  if (kind !== 'table') return only(`This is a ${kind}: its rows are only looked at here.`);
  if (key === null)
    return only(
      'This table has no primary key and no unique key without NULL, so no row can be told from the others: rows are only looked at here. Change them with SQL, or give the table a key.',
    );
  if (role === 'read') return only('Your token may read only.');
  const me = memberOf(status, self);
  if (me?.role === 'primary') return null;
  const primary = memberOf(status, status.primary);
  return only(
    primary === null
      ? `${self} is a replica: rows are only looked at here. There is no primary now, so nobody takes writes.`
      : `${self} is a replica: rows are only looked at here, and changed on the primary.`,
    primary,
  );
}

/** What else the server does with a column, in a few words. */
export function columnNotes(column: Table['columns'][number]): string {
  return [
    ...(column.autoIncrement ? ['auto increment'] : []),
    ...(column.generated === null ? [] : [`generated: ${column.generated}`]),
    ...(column.collation === null ? [] : [column.collation]),
    ...(column.comment === '' ? [] : [column.comment]),
  ].join(' · ');
}

/** The primary key first. */
export const listedIndexes = ({ indexes }: Table): Table['indexes'] =>
  [...indexes].sort((a, b) => Number(b.name === 'PRIMARY') - Number(a.name === 'PRIMARY'));

export function indexColumns({ columns }: Table['indexes'][number]): string {
  return columns
    .map(({ name, prefix, descending }) =>
      [name, prefix === null ? '' : `(${prefix})`, descending ? ' descending' : ''].join(''),
    )
    .join(', ');
}

export const typeOf = (columns: readonly Column[], name: string): Column['type'] =>
  columns.find((column) => column.name === name)?.type ?? 'text';
