/** Which names may stand at a place of a statement. Pure, except for what it asks for. */
import { quoted } from '../names.js';
import { splitStatements, statementAt } from './split.js';

export interface NameWord {
  readonly name: string;
  /** As it is written into the statement. */
  readonly apply: string;
  readonly kind: 'database' | 'table' | 'column';
  readonly detail: string;
}

export interface NamedTable {
  readonly database: string | null;
  readonly table: string;
  readonly alias: string | null;
}

/** What is known of the cluster's names; columns are fetched when they are asked for. */
export interface NameSource {
  readonly database: string;
  readonly databases: readonly { readonly name: string; readonly tables: readonly string[] }[];
  columns(database: string, table: string): Promise<readonly { name: string; type: string }[]>;
}

export interface WordBefore {
  /** Names before it, each with a dot behind. */
  readonly path: readonly string[];
  /** As it is written so far, with its backtick. */
  readonly word: string;
}

const NAME = '(?:`(?:[^`]|``)+`|[\\p{L}_$][\\p{L}\\d_$]*)';
const PATH_BEFORE = new RegExp(`((?:${NAME}\\s*\\.\\s*){0,2})(\`?[\\p{L}\\d_$]*)$`, 'u');
const NAMES = new RegExp(NAME, 'gu');
const TABLES = new RegExp(
  `(?:\\b(?:FROM|JOIN|UPDATE|INTO|TABLE|DESC|DESCRIBE)\\s+|,\\s*)(${NAME})(?:\\s*\\.\\s*(${NAME}))?(?:\\s+(?:AS\\s+)?(${NAME}))?`,
  'giu',
);
/** What may follow a table and is not its alias. */
const NO_ALIAS =
  /^(?:WHERE|JOIN|LEFT|RIGHT|INNER|CROSS|NATURAL|STRAIGHT_JOIN|ON|USING|SET|VALUES?|SELECT|GROUP|ORDER|HAVING|LIMIT|UNION|EXCEPT|INTERSECT|AS|FOR|USE|FORCE|IGNORE|PARTITION|WINDOW|RETURNING|ADD|DROP|MODIFY|CHANGE|RENAME)$/i;

export function wordBefore(text: string): WordBefore {
  const [, path = '', word = ''] = PATH_BEFORE.exec(text) ?? [];
  return { path: (path.match(NAMES) ?? []).map(plain), word };
}

/** Tables that a statement names. Behind a comma there may be columns too; they are no table that anybody knows. */
export function tablesIn(statement: string): readonly NamedTable[] {
  return [...statement.matchAll(TABLES)].map(([, first = '', second, alias]) => ({
    database: second === undefined ? null : plain(first),
    table: plain(second ?? first),
    alias: alias === undefined || NO_ALIAS.test(alias) ? null : plain(alias),
  }));
}

export async function namesFor(
  place: { readonly sql: string; readonly position: number; readonly before: WordBefore },
  source: NameSource,
): Promise<readonly NameWord[]> {
  const { sql, position, before } = place;
  const text = statementAt(splitStatements(sql), position)?.text ?? '';
  const named = tablesIn(text).flatMap((one) => {
    const database = one.database ?? source.database;
    const isKnown = source.databases.some(
      ({ name, tables }) => name === database && tables.includes(one.table),
    );
    return isKnown ? [{ ...one, database }] : [];
  });
  const columnsOf = async (database: string, table: string) =>
    (await source.columns(database, table)).map(({ name, type }) => word('column', name, type, before));
  const tablesOf = (database: string) =>
    (source.databases.find(({ name }) => name === database)?.tables ?? []).map((name) =>
      word('table', name, database, before),
    );
  const [first, second] = before.path;
  if (first !== undefined && second !== undefined) return columnsOf(first, second);
  if (first !== undefined) {
    const meant = named.find(({ alias, table }) => alias === first || (alias === null && table === first));
    const ofTable = meant ? await columnsOf(meant.database, meant.table) : [];
    return [...ofTable, ...tablesOf(first)];
  }
  const columns = await Promise.all(named.map(({ database, table }) => columnsOf(database, table)));
  const databases = source.databases.map(({ name }) => word('database', name, 'database', before));
  return [...unique(columns.flat()), ...tablesOf(source.database), ...databases];
}

function word(kind: NameWord['kind'], name: string, detail: string, { word: typed }: WordBefore): NameWord {
  const isPlain = /^[A-Za-z_][A-Za-z\d_$]*$/.test(name) && !typed.startsWith('`');
  return { kind, name, detail, apply: isPlain ? name : quoted(name) };
}

const unique = (words: readonly NameWord[]) => [...new Map(words.map((one) => [one.name, one])).values()];

const plain = (name: string): string =>
  name.startsWith('`') ? name.slice(1, -1).replaceAll('``', '`') : name;
