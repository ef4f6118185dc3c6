export interface NamedTable {
  /** Null: that of the session. */
  readonly schema: string | null;
  readonly name: string;
}

const WORD = '(?:`(?:[^`]|``){1,64}`|[\\w$]{1,64})';
const NAME = new RegExp(
  `\\btable\\s+(?:if\\s+(?:not\\s+)?exists\\s+)?(${WORD})(?:\\s?\\.\\s?(${WORD}))?`,
  'i',
);

/** The first table that a statement names behind the word TABLE; null when it does not, or not plainly. */
export function tableIn(statement: string): NamedTable | null {
  const [, first, second] = NAME.exec(statement) ?? [];
  if (first === undefined) return null;
  return second === undefined
    ? { schema: null, name: unquoted(first) }
    : { schema: unquoted(first), name: unquoted(second) };
}

function unquoted(word: string): string {
  return word.startsWith('`') ? word.slice(1, -1).replaceAll('``', '`') : word;
}
