/**
 * The parts of a table's definition that matter to a replica, which applies row events by position and type, and DDL as
 * text: columns in their order with their types, character sets and NULL, generated columns, keys, checks, the engine,
 * the default character set and system versioning.
 *
 * Left out is what changes no row and stops no replica. A row event holds every column's value (clients cannot set
 * binlog_row_image), so defaults are not asked there; comments, compression, encryption and statistics are each server's
 * own. Only these are taken out of the text: what is not understood stays in it, and is compared.
 */

/** @param createTable as SHOW CREATE TABLE writes it: a column, key or check on each line, the options on the last */
export function structureOf(createTable: string): string {
  return createTable
    .split('\n')
    .map((line) => line.trim().replace(/,$/, ''))
    .map((line) => {
      if (line.startsWith('`')) return withoutAttributes(wordsOf(line)).join(' ');
      if (line.startsWith(') ')) return wordsOf(line.slice(2)).filter(isStructural).join(' ');
      return line;
    })
    .join('\n');
}

/** Options of a column. */
function withoutAttributes(words: readonly string[]): string[] {
  const kept: string[] = [];
  for (let i = 0; i < words.length; i++) {
    if (words[i] === 'DEFAULT' || words[i] === 'COMMENT') i += 1;
    else if (words[i] === 'ON' && words[i + 1] === 'UPDATE') i += 2;
    else kept.push(words[i] ?? '');
  }
  return kept;
}

/** Options in backquotes belong to the engine, such as InnoDB's compression and encryption. */
const OWN_OPTION =
  /^(`|(COMMENT|CHECKSUM|DELAY_KEY_WRITE|PACK_KEYS|MIN_ROWS|MAX_ROWS|AVG_ROW_LENGTH|STATS_\w+)=)/;

const isStructural = (option: string): boolean => !OWN_OPTION.test(option);

/** A name or text in quotes, or one character. */
const PIECE = /`(?:[^`]|``)*`|'(?:[^'\\]|''|\\.)*'|[\s\S]/g;

/** Splits at blanks that are neither in quotes nor in parentheses. */
function wordsOf(line: string): string[] {
  const words: string[] = [''];
  let depth = 0;
  for (const [piece] of line.matchAll(PIECE)) {
    if (piece === '(') depth++;
    if (piece === ')') depth--;
    if (piece === ' ' && depth === 0) words.push('');
    else words[words.length - 1] += piece;
  }
  return words.filter((word) => word !== '');
}
