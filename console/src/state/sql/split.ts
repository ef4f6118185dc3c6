/** Splits what is in the editor into statements, as the server's language has them. Pure. */

export interface Statement {
  /** Without comments and spaces before it, and without its semicolon. */
  readonly text: string;
  /** Where it begins and ends in the whole text. */
  readonly from: number;
  readonly to: number;
}

/** A comment that the server executes (`/*!`, `/*M!`) belongs to a statement; every other one to none. */
const PIECE =
  /(?<space>\s+|--(?=[\s\p{Cc}]|$)[^\n]*|#[^\n]*|\/\*(?!M?!)[\s\S]*?(?:\*\/|$))|'(?:[^'\\]|\\[\s\S]|'')*(?:'|$)|"(?:[^"\\]|\\[\s\S]|"")*(?:"|$)|`(?:[^`]|``)*(?:`|$)|\/\*[\s\S]*?(?:\*\/|$)|(?<word>[\p{L}\d_$@.]+)|(?<end>;)|[\s\S]/gu;

/** Statements that may hold others, between BEGIN and END. */
const STORED =
  /^(?:CREATE\b.*\b(?:PROCEDURE|FUNCTION|TRIGGER|EVENT|PACKAGE)\b|ALTER\b.*\bEVENT\b|BEGIN NOT\b)/;
/** `END IF` ends no block that is counted: IF as a function looks the same as IF as a statement. */
const UNCOUNTED_END = /^(?:IF|LOOP|WHILE|REPEAT|FOR)$/;
/** Enough to know what a statement is. */
const WORDS_KEPT = 30;

export function splitStatements(sql: string): readonly Statement[] {
  const found: Statement[] = [];
  let begun: { from: number; words: string[] } | null = null;
  let to = 0;
  let depth = 0;
  let previous = '';
  const finish = () => {
    if (begun !== null) found.push({ text: sql.slice(begun.from, to), from: begun.from, to });
    begun = null;
    depth = 0;
    previous = '';
  };
  for (const { 0: piece, index, groups } of sql.matchAll(PIECE)) {
    if (groups?.space !== undefined) continue;
    if (groups?.end !== undefined && depth <= 0) {
      finish();
      continue;
    }
    begun ??= { from: index, words: [] };
    to = index + piece.length;
    if (groups?.word === undefined) {
      previous = '';
      continue;
    }
    const word = piece.toUpperCase();
    if (begun.words.length < WORDS_KEPT) begun.words.push(word);
    depth += depthOf(word, previous, begun.words);
    previous = word;
  }
  finish();
  return found;
}

function depthOf(word: string, previous: string, words: readonly string[]): number {
  if (previous === 'END') return UNCOUNTED_END.test(word) ? 1 : 0;
  if (word === 'END') return -1;
  if (word === 'NOT') return words.length === 2 && previous === 'BEGIN' ? 1 : 0;
  return (word === 'BEGIN' || word === 'CASE') && STORED.test(words.join(' ')) ? 1 : 0;
}

/** The one under the cursor: it, the one that ended before it, or the first. Null: there is none. */
export function statementAt(statements: readonly Statement[], position: number): Statement | null {
  return statements.findLast(({ from }) => from <= position) ?? statements[0] ?? null;
}

/** Why a text is not run; null = it may be. */
export function refusalOf(statements: readonly Statement[]): string | null {
  if (statements.length === 0) return 'There is no statement to run.';
  if (!statements.some(({ text }) => /^delimiter\b/i.test(text))) return null;
  return 'DELIMITER is a command of the mysql client, not of the server. Leave it out: what stands between BEGIN and END of a procedure, function, trigger or event is kept together here.';
}

const NAME_MAX = 24;

/** Its first words, for a tab. */
export function shortName({ text }: Statement): string {
  const words = text.replace(/\s+/g, ' ');
  return words.length <= NAME_MAX ? words : `${words.slice(0, NAME_MAX).trimEnd()}…`;
}

/** The line of the whole text at which the server found an error; null = it names none. The first line is 1. */
export function lineOfError(sql: string, statement: Statement, message: string): number | null {
  const line = /\bat line (\d+)\s*$/.exec(message)?.[1];
  if (line === undefined) return null;
  const before = sql.slice(0, statement.from).split('\n').length;
  const last = sql.slice(0, statement.to).split('\n').length;
  return Math.min(before + Number(line) - 1, last);
}

/** The database that a successful `USE` has chosen; null = it is none. */
export function usedDatabase({ text }: Statement): string | null {
  const found = /^use\s+(?:`((?:[^`]|``)+)`|([^\s`;]+))\s*$/i.exec(text);
  if (!found) return null;
  return found[1]?.replaceAll('``', '`') ?? found[2] ?? null;
}

/** What a person means by "run": all, or what is selected, or the statement under the cursor. */
export function statementsToRun(
  sql: string,
  { from, to }: { readonly from: number; readonly to: number },
  which: 'here' | 'all',
): readonly Statement[] {
  if (which === 'all') return splitStatements(sql);
  if (from < to)
    return splitStatements(sql.slice(from, to)).map((one) => ({
      text: one.text,
      from: one.from + from,
      to: one.to + from,
    }));
  const here = statementAt(splitStatements(sql), from);
  return here === null ? [] : [here];
}

/** Whether names may be others after it. */
export const changesNames = ({ text }: Statement): boolean => /^(?:create|alter|drop|rename)\b/i.test(text);

/** Who asks for the plan of an EXPLAIN wants that of its statement. */
export const withoutExplain = (sql: string): string =>
  sql.replace(/^(?:explain|analyze)\s+(?:extended\s+|partitions\s+|format\s*=\s*\w+\s+)?/i, '');
