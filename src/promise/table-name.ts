export interface NamedTable {
  /** Null: that of the session. */
  readonly schema: string | null;
  readonly name: string;
}

const WORD = '(?:`(?:[^`]|``){1,64}`|[\\w$]{1,64})';
const TABLE = `(${WORD})(?:\\s?\\.\\s?(${WORD}))?`;
const NAME = new RegExp(`\\btable\\s+(?:if\\s+(?:not\\s+)?exists\\s+)?${TABLE}`, 'i');
const RENAMES = /\brename\s+tables?\s+(?:if\s+exists\s+)?/i;
const PAIR = new RegExp(`${TABLE}\\s+to\\s+${TABLE}`, 'gi');

/** The first table that a statement names behind the word TABLE; null when it does not, or not plainly. */
export function tableIn(statement: string): NamedTable | null {
  const [, first, second] = NAME.exec(statement) ?? [];
  return first === undefined ? null : named(first, second);
}

export interface Renaming {
  readonly from: NamedTable;
  readonly to: NamedTable;
}

/** What a RENAME TABLE renames, in its order; none when it is another statement, or is not written plainly. */
export function renamingsIn(statement: string): Renaming[] {
  const begin = RENAMES.exec(statement);
  if (begin === null) return [];
  const list = statement.slice(begin.index + begin[0].length);
  return [...list.matchAll(PAIR)].map(([, a = '', b, c = '', d]) => ({ from: named(a, b), to: named(c, d) }));
}

function named(first: string, second: string | undefined): NamedTable {
  return second === undefined
    ? { schema: null, name: unquoted(first) }
    : { schema: unquoted(first), name: unquoted(second) };
}

function unquoted(word: string): string {
  return word.startsWith('`') ? word.slice(1, -1).replaceAll('``', '`') : word;
}
