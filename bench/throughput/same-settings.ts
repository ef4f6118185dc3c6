import { rowsOf, type SqlNode, withSql } from '../../test/kit/sql-node.js';
import type { Target } from './target.js';

/**
 * What may differ between servers that are compared: who and where they are, what has happened so far, what makes
 * the mode (semi-sync, durable replicas, gathering), and Skein's guards against clients (the statement at a login, the limit of a temporary
 * table, leniency while a log is applied), which no statement of the bench meets. Anything else would make the comparison unfair.
 */
const MAY_DIFFER =
  /^(server_id|(report_)?port|aria_log_dir_path|socket|datadir|tmpdir|pid_file|hostname|server_uid|log_error|slave_load_tmpdir|general_log_file|slow_query_log_file|log_bin_(basename|index)|relay_log(_basename|_index)?|gtid_.*|last_gtid|rpl_semi_sync_.*|sync_relay_log|timestamp|rand_seed\d|pseudo_thread_id|read_only|event_scheduler|binlog_commit_wait_(count|usec)|in_transaction|insert_id|last_insert_id|identity|error_count|warning_count|innodb_version|sql_log_bin|skip_replication|wsrep_.*|init_rpl_role|init_connect|tmp_disk_table_size|innodb_strict_mode)$/;

/** @throws with every difference, when servers of the same place in two targets are not set alike */
export async function refuseDifferentSettings(targets: readonly Target[]): Promise<void> {
  const [first, ...others] = targets;
  if (first === undefined) return;
  const widest = targets.reduce((a, b) => (b.replicas.length > a.replicas.length ? b : a), first);
  const wanted = [await settings(widest.primary), ...(await Promise.all(widest.replicas.map(settings)))];
  const problems: string[] = [];
  for (const target of [first, ...others]) {
    for (const [at, node] of [target.primary, ...target.replicas].entries()) {
      const found = await settings(node);
      for (const [name, value] of wanted[at] ?? []) {
        const other = found.get(name);
        if (other !== value && !MAY_DIFFER.test(name))
          problems.push(`${name} of ${node.name} is ${other} in ${target.id}, and ${value} in ${widest.id}`);
      }
    }
  }
  if (problems.length > 0) {
    throw new Error(`The servers are not set alike:\n  ${problems.slice(0, 20).join('\n  ')}`);
  }
}

function settings(node: SqlNode): Promise<Map<string, string>> {
  return withSql(node, async (connection) => {
    const rows = await rowsOf(connection, 'SHOW GLOBAL VARIABLES');
    return new Map(rows.map((row) => [String(row.Variable_name).toLowerCase(), String(row.Value)]));
  });
}
