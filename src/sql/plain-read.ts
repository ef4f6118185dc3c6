/**
 * Finds statements that neither leave anything in their session nor see what another one has left there, provided that their
 * tables are ordinary ones: one SELECT of names, values, operators and a few functions of the server. Not in it: variables,
 * other functions (also one of the user's that has the name of the server's), INTO, locks, sequences, subqueries, comments.
 * Whether the tables are ordinary is the server's to say (a view or a sequence can hide anything). A text that is not
 * understood is no plain read. Pure.
 */

export interface TableName {
  /** Null: the default database. */
  readonly database: string | null;
  readonly table: string;
}

export interface PlainRead {
  readonly tables: readonly TableName[];
}

/** The length of a text that may be plain: it is kept in memory. */
export const PLAIN_TEXT_MAX = 4096;
const TABLES_MAX = 8;

/** Blanks, a word, a quoted name, a text without escapes, a number, or one other character. */
const TOKEN =
  /([ \t\r\n]+)|([A-Za-z_][A-Za-z0-9_$]*)|`([A-Za-z0-9_$]+)`|('[^'\\]*')|(\d+(?:\.\d+)?(?:[eE][+-]?\d+)?)|([?,.()=<>!+\-*/%&|^~])/y;
/** It would be a name, or another number. */
const NUMBER_GOES_ON = /[A-Za-z0-9_$.]/;

/** Functions whose result depends on nothing but their arguments, the time and the account. */
const FUNCTIONS = new Set(
  (
    'abs avg ceil ceiling char_length coalesce concat concat_ws count curdate date date_add date_format date_sub datediff day ' +
    'floor from_unixtime greatest group_concat hex hour if ifnull instr isnull json_extract json_unquote json_value least left ' +
    'length locate lower ltrim max md5 min minute mod month now nullif pow power replace reverse right round rtrim second sha1 ' +
    'sha2 sign sqrt substr substring sum timestampdiff trim truncate unhex unix_timestamp upper weekday year'
  ).split(' '),
);
/** Words before a bracket that are no functions. */
const BEFORE_BRACKET = new Set(
  'and between by case distinct div else having in is like not on or select then using when where xor'.split(
    ' ',
  ),
);
/** Words of what leaves something, sees something, or is not looked into here. */
const NEVER = new Set(
  (
    'currval dumpfile except for intersect into lastval lock minus next nextval outfile partition prior previous ' +
    'procedure returning rownum setval sql_calc_found_rows table union values window with'
  ).split(' '),
);
/** End the list of tables. */
const AFTER_TABLES = new Set('where group having order limit offset fetch'.split(' '));
const BEFORE_TABLE = new Set(['join', 'straight_join']);
/** Databases whose tables are made while they are read. */
const SYSTEM = new Set(['information_schema', 'mysql', 'performance_schema', 'skein', 'sys']);

type Kind = 'word' | 'name' | 'other';

interface Token {
  readonly kind: Kind;
  /** A word in small letters; a name and anything else as it is written. */
  readonly text: string;
  readonly written: string;
  readonly afterBlank: boolean;
}

/** Null: it is not certainly a plain read. */
export function plainRead(sql: string): PlainRead | null {
  if (sql.length > PLAIN_TEXT_MAX) return null;
  const tokens = tokensOf(sql);
  if (tokens?.[0]?.text !== 'select' || !tokens.every((token, i) => isHarmless(token, i, tokens)))
    return null;
  const tables = tablesOf(tokens);
  if (tables === null || tables.length > TABLES_MAX) return null;
  return tables.every(({ database }) => database === null || !SYSTEM.has(database.toLowerCase()))
    ? { tables }
    : null;
}

function tokensOf(sql: string): Token[] | null {
  const tokens: Token[] = [];
  let afterBlank = false;
  TOKEN.lastIndex = 0;
  while (TOKEN.lastIndex < sql.length) {
    const match = TOKEN.exec(sql);
    if (match === null) return null;
    const [all, blank, word, name, , number] = match;
    if (number !== undefined && NUMBER_GOES_ON.test(sql[TOKEN.lastIndex] ?? '')) return null;
    if (blank === undefined) {
      const kind = word !== undefined ? 'word' : name !== undefined ? 'name' : 'other';
      tokens.push({ kind, text: word?.toLowerCase() ?? all, written: word ?? name ?? all, afterBlank });
    }
    afterBlank = blank !== undefined;
  }
  return tokens;
}

function isHarmless({ kind, text, afterBlank }: Token, i: number, tokens: readonly Token[]): boolean {
  const before = tokens[i - 1];
  if (kind === 'word') return !NEVER.has(text) && (text !== 'select' || i === 0);
  // The beginning of a comment.
  if (
    before &&
    !afterBlank &&
    ((text === '-' && before.text === '-') || (text === '*' && before.text === '/'))
  )
    return false;
  if (text !== '(' || before === undefined) return true;
  if (before.kind === 'name') return false;
  if (before.kind === 'other') return before.text !== '.';
  if (BEFORE_BRACKET.has(before.text)) return true;
  // With a blank between, or behind a database, it can be a function of the user's.
  return FUNCTIONS.has(before.text) && !afterBlank && tokens[i - 2]?.text !== '.';
}

/** The names in the places of tables; null when there is something else in such a place. */
function tablesOf(tokens: readonly Token[]): TableName[] | null {
  const from = tokens.findIndex(({ kind, text }) => kind === 'word' && text === 'from');
  if (from === -1) return [];
  const tables: TableName[] = [];
  let depth = 0;
  let awaited = false;
  let over = false;
  for (let i = 0; i < tokens.length; i++) {
    const { kind, text } = tokens[i] as Token;
    if (awaited) {
      const found = tableAt(tokens, i);
      if (found === null) return null;
      tables.push(found);
      if (found.database !== null) i += 2;
      awaited = false;
      continue;
    }
    if (text === '(' && kind === 'other') depth++;
    else if (text === ')' && kind === 'other') depth--;
    // In brackets it belongs to a function, or begins a list of tables.
    if (kind === 'word' && text === 'from' && (i !== from || depth !== 0)) return null;
    if (i < from || over) continue;
    if (kind === 'word' && BEFORE_TABLE.has(text) && depth !== 0) return null;
    if (depth !== 0) continue;
    if (kind === 'word' && AFTER_TABLES.has(text)) over = true;
    else if (i === from || (kind === 'word' && BEFORE_TABLE.has(text)) || (kind === 'other' && text === ','))
      awaited = true;
  }
  return awaited ? null : tables;
}

function tableAt(tokens: readonly Token[], i: number): TableName | null {
  const first = tokens[i];
  if (first === undefined || first.kind === 'other') return null;
  if (tokens[i + 1]?.text !== '.') return { database: null, table: first.written };
  const second = tokens[i + 2];
  if (second === undefined || second.kind === 'other') return null;
  return { database: first.written, table: second.written };
}
