/** No more of a statement is kept: enough for any that a person writes. */
const TEXT_MAX = 10_000;

/** Texts, comments, names in backticks, and numbers that stand alone. */
const LITERALS =
  /'(?:[^'\\]|\\[\s\S]|'')*'?|"(?:[^"\\]|\\[\s\S]|"")*"?|`[^`]*`?|\/\*[\s\S]*?(?:\*\/|$)|(?:--[\t ]|#)[^\n]*|\b0[xb][0-9a-f]+\b|(?<![\w$.])\d+(?:\.\d*)?(?:e[+-]?\d+)?\b|(?<![\w$])\.\d+(?:e[+-]?\d+)?\b/gi;

/**
 * The statement with a ? for each text and number in it, and without what comments say. Names stay. Where a server runs
 * with NO_BACKSLASH_ESCAPES, a text that ends in a backslash hides too much or too little.
 */
export function maskLiterals(sql: string): string {
  return cut(sql).replace(LITERALS, (literal) => {
    const first = literal.charAt(0);
    if (first === '`') return literal;
    if (first === '/') return '/*?*/';
    if (first === '#' || literal.startsWith('--')) return '-- ?';
    return '?';
  });
}

/** The statement as it was sent, up to the length that is kept. */
export function cut(sql: string): string {
  return sql.length <= TEXT_MAX ? sql : `${sql.slice(0, TEXT_MAX)}... (${sql.length} characters)`;
}
