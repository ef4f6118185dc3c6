/** Opens the server as the primary, closes it, and makes it replicate from the endpoint. */
import { SkeinError } from '../../model/error.js';
import { ServerError } from '../../mysql-client/replies.js';
import { plainText } from '../../mysql-client/sql-text.js';
import type { EndpointAddress, Query, RoleAccounts, ServerSessions } from '../server-sql.js';
import { roleStatements } from './role-settings.js';
import { closeSessions } from './server-sessions.js';
import { refuseWaitingCommits } from './server-status.js';

const ER_LOCK_WAIT_TIMEOUT = 1205;
/** SET read_only waits for commits (rule C1), so it must give up soon when a commit waits for the quorum. */
const READ_ONLY_LOCK_WAIT_S = 2;
/** The server asks its source, our endpoint on loopback, for a heartbeat this often. */
const HEARTBEAT_PERIOD_S = 2;

/** Variables of an open primary, beside its server id; a session with SUPER could have changed them. */
const OPEN_STATE: Readonly<Record<string, string>> = {
  read_only: '0',
  event_scheduler: 'ON',
  sync_binlog: '1',
  innodb_flush_log_at_trx_commit: '1',
  binlog_format: 'ROW',
  gtid_domain_id: '0',
  gtid_strict_mode: '1',
  log_slave_updates: '1',
};

/** Variables of a primary's server that was closed in order. */
const CLOSED_STATE: Readonly<Record<string, string>> = {
  read_only: '1',
  event_scheduler: 'OFF',
  rpl_semi_sync_master_enabled: '0',
};

/**
 * Opens a closed server for writes under the id of its epoch. Everything is read back.
 * @throws SkeinError COMMITS_WAITING, SESSIONS_REMAIN, OPEN_FAILED
 */
export async function openAsPrimary(
  sessions: ServerSessions,
  accounts: RoleAccounts,
  options: { serverId: number },
): Promise<void> {
  const { query } = sessions;
  const id = Math.trunc(options.serverId);
  // Ending a session whose commit waits would let the commit go as if it were acknowledged (rule C1).
  await refuseWaitingCommits(query);
  await stopFollowing(query);
  await query(`SET GLOBAL server_id = ${id}`);
  for (const sql of roleStatements('serving')) await query(sql);
  // A session keeps the id that it began with (rule C10): only ours and the dump may go on.
  sessions.dropWriter();
  await closeSessions(query);
  for (const sql of accounts.writers(true)) await query(sql);
  await accounts.whileOpening(async () => {
    await query('SET GLOBAL event_scheduler = ON');
    await query('SET GLOBAL read_only = 0');
  });
  const differences = await differencesOf(query, { ...OPEN_STATE, server_id: String(id) });
  if (differences.length === 0) return;
  await query('SET GLOBAL read_only = 1').catch(() => {});
  throw new SkeinError('OPEN_FAILED', `The server was not opened as primary: ${differences.join(', ')}.`, {
    data: { differences },
  });
}

async function differencesOf(query: Query, wanted: Readonly<Record<string, string>>): Promise<string[]> {
  const names = Object.keys(wanted);
  const [row] = await query(`SELECT ${names.map((name) => `@@global.${name} AS ${name}`).join(', ')}`);
  return names
    .filter((name) => row?.[name] !== wanted[name])
    .map((name) => `${name} is ${String(row?.[name])} instead of ${wanted[name]}`);
}

/**
 * Closes an open server in order: nothing is written afterwards.
 * @throws SkeinError COMMITS_WAITING (then only a kill is safe, rule C1)
 */
export async function closeForWrites({ query }: ServerSessions): Promise<void> {
  await refuseWaitingCommits(query);
  await query(`SET SESSION lock_wait_timeout = ${READ_ONLY_LOCK_WAIT_S}`);
  try {
    await query('SET GLOBAL read_only = 1');
  } catch (error) {
    if (!(error instanceof ServerError) || error.errno !== ER_LOCK_WAIT_TIMEOUT) throw error;
    throw new SkeinError(
      'COMMITS_WAITING',
      'The server cannot be made read-only: a commit waits for its quorum.',
      {
        cause: error,
      },
    );
  }
  await query('SET GLOBAL event_scheduler = OFF');
  await refuseWaitingCommits(query);
}

/**
 * Takes `closeForWrites` back. Only on a server that is still the open primary's: the caller lets nothing else close it
 * meanwhile.
 */
export async function writeAgain({ query }: ServerSessions): Promise<void> {
  await query('SET GLOBAL event_scheduler = ON, GLOBAL read_only = 0');
}

/** Makes the server replicate from the endpoint. Its relay logs are dropped; the spool has their content. */
export async function followEndpoint(
  { query }: ServerSessions,
  accounts: RoleAccounts,
  { host, port, user, password, workers }: EndpointAddress,
): Promise<void> {
  await query('STOP SLAVE');
  await query(`SET GLOBAL slave_parallel_threads = ${Math.trunc(workers)}`);
  await query(
    `CHANGE MASTER TO MASTER_HOST=${plainText(host)}, MASTER_PORT=${Math.trunc(port)}, MASTER_USER=${plainText(user)},
      MASTER_PASSWORD=${plainText(password)}, MASTER_USE_GTID=slave_pos, MASTER_CONNECT_RETRY=1,
      MASTER_HEARTBEAT_PERIOD=${HEARTBEAT_PERIOD_S}, MASTER_SSL=0`,
  );
  for (const sql of [...accounts.writers(false), ...roleStatements('applying')]) await query(sql);
  await accounts.reconcile();
  await startReplica(query);
}

export async function startReplica(query: Query): Promise<void> {
  await query('START SLAVE');
}

/** Stops the replication of a replica's server, and removes its source from its settings. */
export async function stopFollowing(query: Query): Promise<void> {
  await query('STOP ALL SLAVES');
  await query('RESET SLAVE ALL');
}

/**
 * Makes a replica of a primary's server that is closed for writes, and whose whole log is committed: with this server id, at
 * this GTID, which is the last one of its log. Everything is read back.
 * @throws SkeinError COMMITS_WAITING, SESSIONS_REMAIN, CLOSE_FAILED
 */
export async function becomeReplica(
  sessions: ServerSessions,
  { serverId, position }: { serverId: number; position: string },
): Promise<void> {
  const { query } = sessions;
  const id = Math.trunc(serverId);
  // Switched off, semi-synchronous replication would answer every commit that waits (rule C1).
  await refuseWaitingCommits(query);
  await query('SET GLOBAL rpl_semi_sync_master_enabled = 0');
  await query(`SET GLOBAL server_id = ${id}`);
  // A session keeps the id that it began with (rule C10).
  sessions.dropWriter();
  await closeSessions(query);
  await query(`SET GLOBAL gtid_slave_pos = ${plainText(position)}`);
  const differences = await differencesOf(query, {
    ...CLOSED_STATE,
    server_id: String(id),
    gtid_slave_pos: position,
    gtid_binlog_pos: position,
  });
  if (differences.length === 0) return;
  throw new SkeinError('CLOSE_FAILED', `The server was not set up as a replica: ${differences.join(', ')}.`, {
    data: { differences },
  });
}
