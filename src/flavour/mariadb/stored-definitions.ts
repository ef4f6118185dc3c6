import type { StoredDefinition } from '../definitions.js';
import type { StoredChange } from '../definitions-sql.js';

/** Routines and events: objects that consist of nothing but their row in a system table. */

export const STORED = {
  routine: {
    table: 'mysql.proc',
    kindColumn: 'type',
    whenMade: ['created = NOW()', 'modified = NOW()'],
    columns: [
      'db',
      'name',
      'type',
      'specific_name',
      'language',
      'sql_data_access',
      'is_deterministic',
      'security_type',
      'param_list',
      'returns',
      'body',
      'definer',
      'sql_mode',
      'comment',
      'character_set_client',
      'collation_connection',
      'db_collation',
      'body_utf8',
      'aggregate',
    ],
  },
  event: {
    table: 'mysql.event',
    kindColumn: null,
    // On a replica this does not show whether the event is enabled.
    whenMade: [
      "status = 'DISABLED'",
      'originator = @@global.server_id',
      'created = NOW()',
      'modified = NOW()',
    ],
    columns: [
      'db',
      'name',
      'body',
      'definer',
      'execute_at',
      'interval_value',
      'interval_field',
      'starts',
      'ends',
      'on_completion',
      'sql_mode',
      'comment',
      'time_zone',
      'character_set_client',
      'collation_connection',
      'db_collation',
      'body_utf8',
    ],
  },
} as const;

export function copyStored(
  object: string,
  here: StoredDefinition | null,
  there: StoredDefinition | null,
): StoredChange {
  const { kind, values: known } = (here ?? there) as StoredDefinition;
  const { table, kindColumn, whenMade } = STORED[kind];
  // Without `_binary` the server would take the value for a number where a number is expected.
  const literal = (hex: string | null | undefined) => (hex == null ? 'NULL' : `_binary x'${hex}'`);
  const key = ['db', 'name', ...(kindColumn ? [kindColumn] : [])];
  const where = key.map((column) => `${column} = ${literal(known[column])}`).join(' AND ');
  if (!there) return { sql: `DELETE FROM ${table} WHERE ${where}`, what: `${object} is dropped` };
  const values = Object.entries(there.values).map(([column, hex]) => `${column} = ${literal(hex)}`);
  if (here)
    return { sql: `UPDATE ${table} SET ${values.join(', ')} WHERE ${where}`, what: `${object} is changed` };
  const all = [...values, ...whenMade].join(', ');
  return {
    sql: `INSERT INTO ${table} SET ${all}`,
    what: `${object} is created${kind === 'event' ? ', disabled' : ''}`,
  };
}
