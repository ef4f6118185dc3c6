import type { Connection } from 'mysql2/promise';
import { rowsOf, run } from './sql-node.js';

/**
 * On a replica's server: undoes something past the log, and puts the position one transaction behind the log, as a crash leaves
 * it in the middle of DDL or XA. The node starts the server's threads again soon, so the server is to be killed at once.
 */
export async function setBack(connection: Connection, ...undo: string[]): Promise<void> {
  await run(connection, 'SET SESSION sql_log_bin = 0');
  await run(connection, 'STOP ALL SLAVES');
  for (const sql of undo) await run(connection, sql);
  const [row] = await rowsOf(connection, 'SELECT @@gtid_slave_pos g');
  const [domain, server, sequence] = String(row?.g).split('-');
  // Last: a commit, which brings to the disk what was undone.
  await run(connection, `SET GLOBAL gtid_slave_pos = '${domain}-${server}-${Number(sequence) - 1}'`);
}
