/** Statements that run on the server, with what matters for temporary files. Pure. */
import { READ_ONLY_PORT_ADDRESS } from '../flavour/accounts.js';

export interface RunningStatement {
  readonly sessionId: number;
  readonly queryId: number;
  /** Thread id of the operating system. */
  readonly threadId: number;
  /** `skein_read@localhost` */
  readonly account: string;
  /** True when the statement cannot have written a row, because the server, its account or its transaction is read-only. */
  readonly readsOnly: boolean;
}

export const RUNNING_STATEMENTS = `SELECT p.id, p.query_id, p.tid, p.user, p.host, @@global.read_only AS replica,
  t.trx_rows_modified AS modified, t.trx_is_read_only AS readOnly, t.trx_autocommit_non_locking AS plainRead,
  EXISTS (SELECT 1 FROM mysql.db d WHERE d.User = p.user AND d.Host = SUBSTRING_INDEX(p.host, ':', 1) AND
    'Y' IN (d.Insert_priv, d.Update_priv, d.Delete_priv, d.Create_priv, d.Alter_priv, d.Execute_priv)) AS mayWrite
  FROM information_schema.processlist p LEFT JOIN information_schema.innodb_trx t ON t.trx_mysql_thread_id = p.id
  WHERE p.command IN ('Query', 'Execute') AND p.user NOT IN ('skein', 'skein_repl', 'system user')`;

export function runningStatement(row: Readonly<Record<string, unknown>>): RunningStatement {
  // The host of a TCP client includes its port.
  const host = String(row.host).split(':')[0] ?? '';
  const is = (column: string) => Number(row[column] ?? 0) === 1;
  // Every statement of a read token runs in a read-only transaction, whatever its account may do.
  const isReader = row.user === 'skein_read' || host === READ_ONLY_PORT_ADDRESS || !is('mayWrite');
  return {
    sessionId: Number(row.id),
    queryId: Number(row.query_id),
    threadId: Number(row.tid),
    account: `${row.user}@${host}`,
    readsOnly:
      (is('replica') || isReader || is('readOnly') || is('plainRead')) && Number(row.modified ?? 0) === 0,
  };
}
