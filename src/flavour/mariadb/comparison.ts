/** What is said to a server whose rows are compared with those of other nodes (verify/snapshot.ts). */
import type { RowsOf, SnapshotPlace } from '../server-sql.js';

export const COMPARISON_SETTINGS: readonly string[] = [
  "time_zone = '+00:00'",
  "sql_mode = ''",
  "tx_isolation = 'REPEATABLE-READ'",
  // DDL that waits for this session's lock keeps all others waiting behind it.
  'lock_wait_timeout = 1',
  'max_statement_time = 60',
];

export async function snapshotPlace(rowsOf: RowsOf): Promise<SnapshotPlace> {
  const rows = await rowsOf(`SHOW STATUS LIKE 'binlog_snapshot_%'`);
  const field = (name: string) =>
    rows.find((row) => String(row.Variable_name).toLowerCase() === name)?.Value ?? '';
  return { file: field('binlog_snapshot_file'), position: Number(field('binlog_snapshot_position')) };
}

export async function snapshotGtid(rowsOf: RowsOf, { file, position }: SnapshotPlace): Promise<string> {
  const name = Buffer.from(file).toString('hex');
  const [row] = await rowsOf(`SELECT BINLOG_GTID_POS(x'${name}', ${position}) AS gtid`);
  return row?.gtid ?? '';
}
