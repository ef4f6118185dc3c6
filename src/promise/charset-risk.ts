/**
 * Finds a character set that DDL used and that its logged text does not contain. Then the replicas, which execute the text,
 * make a table with another character set than the primary's. Found by comparing the text with the primary's table.
 */
export interface TableCollations {
  readonly schemaDefault: string;
  readonly tableDefault: string;
  readonly columns: readonly string[];
}

export interface CharsetRisk {
  readonly code: 'UTF8_BY_OLD_MODE' | 'CHARSET_NOT_LOGGED';
  /** For people; the table's name comes before it. */
  readonly text: string;
}

const MAKES_OR_CHANGES = /^[^\n]{0,200}?\b(create|alter)\b[^\n]{0,200}?\btable\b/i;
const SAYS_UTF8 = /\b(?:charset|character\s+set|char\s+set|collate)\s*=?\s*['"`]?utf8(?!mb)/i;
const SAYS_A_CHARSET = /\b(?:charset|character\s+set|char\s+set|collate)\b/i;
const CREATES = /\bcreate\b/i;
/** LIKE takes the other table's character set, on every node. */
const LIKE_ANOTHER = /\blike\b/i;

/** Whether the text has to be compared with the table at all. */
export function mayHideCharset(statement: string): boolean {
  if (!MAKES_OR_CHANGES.test(statement)) return false;
  return SAYS_UTF8.test(statement) || (CREATES.test(statement) && !SAYS_A_CHARSET.test(statement));
}

/** `collations` are those of the table on the primary, after the statement. */
export function charsetRisk(statement: string, collations: TableCollations): CharsetRisk | null {
  if (!mayHideCharset(statement)) return null;
  const { schemaDefault, tableDefault, columns } = collations;
  if (SAYS_UTF8.test(statement) && ![tableDefault, ...columns].some((name) => /^utf8(mb3)?_/.test(name)))
    return {
      code: 'UTF8_BY_OLD_MODE',
      text:
        'was defined with the word utf8, which was utf8mb4 in that session (old_mode) and is utf8mb3 on the replicas: they ' +
        'may stop at its rows (1677). Create the table again, with utf8mb4 or utf8mb3.',
    };
  if (SAYS_A_CHARSET.test(statement) || LIKE_ANOTHER.test(statement) || tableDefault === schemaDefault)
    return null;
  return {
    code: 'CHARSET_NOT_LOGGED',
    text:
      `has the collation ${tableDefault}, which its logged statement does not contain: the replicas made it with ${schemaDefault}, ` +
      "the schema's default, and may stop at its rows (1677). Make it again, and write its character set.",
  };
}
