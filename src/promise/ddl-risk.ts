import { tableIn } from './table-name.js';

/**
 * DDL is replicated as text, and each node executes it for itself. These statements give another result on each node, or
 * stop the replicas; no setting of the server refuses them (tried on MariaDB 10.11). A statement found here is reported
 * at once.
 */
export interface DdlRisk {
  readonly code: 'EACH_NODE_ITS_OWN_VALUES' | 'SEQUENCE_DEFAULT_ADDED' | 'INDEXED_DIVISION' | 'ORDER_OF_ROWS';
  /** For people: what was executed, what follows, what to do. */
  readonly text: string;
}

/** The beginning of a logged statement that is not DDL. */
const NO_DDL = /^(COMMIT|ROLLBACK|SAVEPOINT|XA)\b/i;

export function isNoDdl(statement: string): boolean {
  return NO_DDL.test(statement);
}

const ALTER_TABLE = /\balter\s[^;]{0,100}?\btable\b/i;
const ADDS_OR_CHANGES = /\b(add|modify|change)\b/i;
/** Functions whose value differs on each node. Literal dates and NOW() are in the log. */
const OWN_VALUE =
  /\b(uuid|uuid_short|sys_guid|rand|user|current_user|session_user|system_user|current_role|connection_id|last_insert_id|sysdate|random_bytes|version)\s*\(/i;
const DEFAULT_OR_GENERATED = /\b(default|as)\b/i;
const NEXT_VALUE = /\bnextval\s*\(|\bnext\s+value\s+for\b/i;
const GENERATED = /\bas\s*\(/i;
const DIVIDES = /(?<!\*)\/(?!\*)/;
const INDEXES = /\b(key|index|unique)\b/i;

const ADDS = /\badd\b/i;
/** An AUTO_INCREMENT column, which numbers the existing rows; not the option of a table. */
const COUNTS_ROWS = /\bauto_increment\b(?!\s*=)|\bserial\b/i;
const DROPS_DOUBLES = /\balter\s[^;]{0,40}?\bignore\s+table\b/i;

export function riskOf(statement: string): DdlRisk | null {
  const table = tableOf(statement);
  if (
    ALTER_TABLE.test(statement) &&
    ADDS_OR_CHANGES.test(statement) &&
    DEFAULT_OR_GENERATED.test(statement)
  ) {
    if (NEXT_VALUE.test(statement))
      return {
        code: 'SEQUENCE_DEFAULT_ADDED',
        text:
          `ALTER TABLE${table} gave existing rows values of a sequence: the replicas cannot execute that (1950). ` +
          'Add the column without the default, fill it by UPDATE, then set the default.',
      };
    const found = OWN_VALUE.exec(statement);
    if (found !== null)
      return {
        code: 'EACH_NODE_ITS_OWN_VALUES',
        text:
          `ALTER TABLE${table} gave existing rows a default of ${(found[1] ?? '').toUpperCase()}(): each node computed its ` +
          'own values. Add the column without the default, fill it by UPDATE (rows are replicated as they are), then set the default.',
      };
  }
  if (
    DROPS_DOUBLES.test(statement) ||
    (ALTER_TABLE.test(statement) && ADDS.test(statement) && COUNTS_ROWS.test(statement))
  )
    return {
      code: 'ORDER_OF_ROWS',
      text:
        `ALTER TABLE${table} counted rows, or kept the first of equal ones. If the table had no primary key and several clients ` +
        'had written to it at the same time, the nodes may have its rows in another order, and now other values. Compare the ' +
        'table on the nodes; if they differ, make it again: CREATE TABLE with the key, then INSERT ... SELECT.',
    };
  if (GENERATED.test(statement) && INDEXES.test(statement) && DIVIDES.test(statement))
    return {
      code: 'INDEXED_DIVISION',
      text:
        `A generated column with a division may be indexed in${table || ' a table'}: its value follows div_precision_increment of each ` +
        'session, and under different values the index is corrupted. Do not set div_precision_increment, or make the column STORED with ROUND().',
    };
  return null;
}
/** ` name`; '' = the statement does not name it plainly. */
function tableOf(statement: string): string {
  const table = tableIn(statement);
  if (table === null) return '';
  return ` ${table.schema === null ? '' : `${table.schema}.`}${table.name}`;
}
