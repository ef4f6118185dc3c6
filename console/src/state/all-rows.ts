/** Statements that change or delete all rows of a table. Pure. */

/** Comments, texts and quoted names: no word in them is a keyword. */
const NO_WORDS =
  /--[ \t][^\n]*|--$|#[^\n]*|\/\*[\s\S]*?(?:\*\/|$)|'(?:[^'\\]|\\[\s\S]|'')*'|"(?:[^"\\]|\\[\s\S]|"")*"|`(?:[^`]|``)*`/gm;

/**
 * What an UPDATE or a DELETE without WHERE and LIMIT of its own does, for people; null = it is none. One in a subquery does not
 * count, nor one in a comment that only some servers execute.
 */
export function allRowsText(sql: string): string | null {
  const [first, ...words] = ownWords(sql);
  if (first !== 'UPDATE' && first !== 'DELETE') return null;
  if (words.includes('WHERE') || words.includes('LIMIT')) return null;
  return `This ${first} has no WHERE: it ${first === 'UPDATE' ? 'changes' : 'deletes'} all rows.`;
}

/** Its words outside of parentheses, in capitals. */
function ownWords(sql: string): string[] {
  const words: string[] = [];
  let depth = 0;
  for (const [piece] of sql.replace(NO_WORDS, ' ').matchAll(/[()]|[\w$.]+/g)) {
    if (piece === '(') depth++;
    else if (piece === ')') depth--;
    else if (depth === 0) words.push(piece.toUpperCase());
  }
  return words;
}
