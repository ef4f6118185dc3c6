import { run, type SqlNode, withSql } from './sql-node.js';

/**
 * The replica's server applies nothing that comes behind a write of `table` while `work` runs; reads go on. It has to
 * be short: after `applierStallMs` (10 s, unless it is set) the node ends the hold by starting its server again.
 */
export function whileApplierHeld<T>(replica: SqlNode, table: string, work: () => Promise<T>): Promise<T> {
  return withSql(replica, async (connection) => {
    await run(connection, `LOCK TABLES ${table} READ`);
    try {
      return await work();
    } finally {
      await run(connection, 'UNLOCK TABLES');
    }
  });
}
