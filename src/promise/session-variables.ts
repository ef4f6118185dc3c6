/**
 * Session variables of MariaDB 10.11 that a client may set and that make DDL mean something else on the primary than on its
 * replicas, which get the text without the variable. All others were tried and make no difference; a generated test tries
 * them again (test/full/session-variables.test.ts, and each value by itself in test/long).
 */
export interface MeaningfulVariable {
  readonly name: string;
  /** As SQL; null = every value but the default. */
  readonly values: readonly string[] | null;
  readonly effect: string;
}

export const MEANINGFUL_VARIABLES: readonly MeaningfulVariable[] = [
  { name: 'old_mode', values: null, effect: 'utf8 is utf8mb4 where UTF8_IS_UTF8MB3 is not in it' },
  {
    name: 'div_precision_increment',
    values: null,
    effect: 'digits of a division in a default or a virtual column',
  },
  {
    name: 'sql_mode',
    values: ["'MYSQL323'", "'MYSQL40'"],
    effect: 'CREATE TABLE ... SELECT is logged without character sets',
  },
  {
    name: 'sql_mode',
    values: ["'NO_DIR_IN_CREATE'"],
    effect: 'remembered by a routine, trigger or event on the primary only; a replica keeps its own',
  },
  { name: 'sql_quote_show_create', values: ['0'], effect: 'quotes in the stored text of a view' },
  { name: 'innodb_compression_default', values: null, effect: 'PAGE_COMPRESSED in the definition' },
  { name: 'innodb_default_encryption_key_id', values: null, effect: 'ENCRYPTION_KEY_ID in the definition' },
];

export function isMeaningful(name: string, value: string): boolean {
  return MEANINGFUL_VARIABLES.some(
    (variable) => variable.name === name && (variable.values === null || variable.values.includes(value)),
  );
}
