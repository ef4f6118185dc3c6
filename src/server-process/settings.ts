import { READ_ONLY_SESSIONS } from '../mysql-control/accounts.js';
import type { ServerBinary } from '../server-packages/server-binary.js';
import type { ServerTls } from './server-tls.js';

/**
 * What the recovery of a server that died does with the end of its binary log, whose transactions its engine had not committed.
 * `primary`: it commits them. `replica`: it takes them out of the log and the engine, as far as they are transactions of
 * InnoDB only. So a former primary's server forgets what the cluster may have lost. What the cluster kept, it gets again.
 */
export type RecoverAs = 'primary' | 'replica';

export interface ServerSettings {
  readonly dataDir: string;
  readonly tmpDir: string;
  readonly socketPath: string;
  readonly port: number;
  readonly serverId: number;
  /** Default 64 MiB. */
  readonly bufferPoolBytes?: number;
  /** Default 64 MiB: enough that a bulk load does not wait for checkpoints all the time. */
  readonly redoLogBytes?: number;
  readonly tls?: ServerTls | null;
  /** Default `primary`. */
  readonly recoverAs?: RecoverAs;
  /** Placed last, so they take precedence; for tests and operators' needs. */
  readonly extraArgs?: readonly string[];
}

/**
 * The largest rpl_semi_sync_master_timeout the server takes, in ms (tried on 10.11: larger values are cut to it,
 * and a commit does wait under it): a commit must never be let go because time passed (rule M1).
 */
const SEMI_SYNC_TIMEOUT_MAX_MS = '18446744073709551615';

/** These options decide the format of the files, so every program that opens the data directory needs the same ones. */
const FILE_FORMAT_ARGS = ['--innodb-data-file-path=ibdata1:10M:autoextend', '--innodb-undo-tablespaces=0'];

/** Redo log of the template; the server resizes it at its first real start. */
const TEMPLATE_REDO_BYTES = 8 * 2 ** 20;

/** For `mariadbd --bootstrap`: reads SQL from standard input, has no network, no accounts in force, no binary log. */
export function bootstrapArgs(binary: ServerBinary, dataDir: string): string[] {
  return [
    '--no-defaults',
    '--bootstrap',
    ...binary.pathArgs,
    `--datadir=${dataDir}`,
    // In a shared directory, a server that starts meanwhile would remove the temporary tables of this one (seen on 10.11).
    `--tmpdir=${dataDir}`,
    // System tables use several engines, which the enforced engine for users would not allow.
    '--enforce-storage-engine=',
    '--log-warnings=0',
    '--max-allowed-packet=8M',
    '--net-buffer-length=16K',
    '--performance-schema=0',
    '--skip-log-bin',
    ...FILE_FORMAT_ARGS,
    `--innodb-log-file-size=${TEMPLATE_REDO_BYTES}`,
    '--innodb-buffer-pool-size=8M',
    // The accounts made here must be on disk before the directory gets its name.
    '--innodb-flush-log-at-trx-commit=1',
    '--innodb-fast-shutdown=0',
  ];
}

/** The option that makes sessions of the read-only ports read-only; an operator's own (the last one counts) is kept. */
export function initConnectArg(operatorArgs: readonly string[]): string {
  const own = operatorArgs.findLast((arg) => /^--init[-_]connect=/.test(arg));
  const before = own === undefined ? '' : `${own.slice(own.indexOf('=') + 1)}; `;
  return `--init-connect=${before}${READ_ONLY_SESSIONS}`;
}

/** The command line of a node's server. It always starts closed (rule H9): nothing here is SET after the start. */
export function serverArgs(binary: ServerBinary, settings: ServerSettings): string[] {
  const MiB = 2 ** 20;
  return [
    // No option file of the host may change settings that the promise depends on.
    '--no-defaults',
    ...binary.pathArgs,
    `--datadir=${settings.dataDir}`,
    `--tmpdir=${settings.tmpDir}`,
    `--socket=${settings.socketPath}`,
    `--port=${settings.port}`,
    '--bind-address=127.0.0.1',
    '--skip-name-resolve',
    '--pid-file=mariadbd.pid',
    // With 2, the default, the log has user names as anybody sends them, line breaks included; the node acts on what it says.
    '--log-warnings=1',
    `--server-id=${settings.serverId}`,
    // closed
    '--read-only=1',
    '--event-scheduler=OFF',
    '--skip-slave-start',
    '--rpl-semi-sync-master-enabled=1',
    '--rpl-semi-sync-master-wait-point=AFTER_SYNC',
    '--rpl-semi-sync-master-wait-no-slave=1',
    `--rpl-semi-sync-master-timeout=${SEMI_SYNC_TIMEOUT_MAX_MS}`,
    ...recoverArgs(settings.recoverAs ?? 'primary'),
    // the log
    '--log-bin=bin',
    '--relay-log=relay',
    '--relay-log-recovery=1',
    '--log-slave-updates=1',
    '--binlog-format=ROW',
    '--binlog-checksum=CRC32',
    // Each group tells whether its tables have a primary key (flavour/mariadb/table-map.ts).
    '--binlog-row-metadata=FULL',
    '--sync-binlog=1',
    // Files are purged as a whole, and a returning primary copies at most two of them (E2).
    '--max-binlog-size=64M',
    '--expire-logs-days=0',
    '--gtid-domain-id=0',
    '--gtid-strict-mode=1',
    // Clients need no privilege to mark their changes with skip_replication; such changes are replicated too.
    '--replicate-events-marked-for-skip=REPLICATE',
    // Row format makes functions and triggers safe; without this only SUPER could create them.
    '--log-bin-trust-function-creators=1',
    // applying
    '--slave-parallel-mode=optimistic',
    '--slave-parallel-threads=8',
    '--slave-net-timeout=10',
    // The IO thread dials its node once and then stops. After the node has closed its port, another program may listen there,
    // and the server would apply what that program sends. A running node starts the thread again.
    '--master-retry-count=1',
    '--slave-max-allowed-packet=1G',
    '--max-allowed-packet=1G',
    // the engine
    '--enforce-storage-engine=InnoDB',
    '--default-storage-engine=InnoDB',
    '--innodb-flush-log-at-trx-commit=1',
    ...FILE_FORMAT_ARGS,
    `--innodb-buffer-pool-size=${settings.bufferPoolBytes ?? 64 * MiB}`,
    `--innodb-log-file-size=${settings.redoLogBytes ?? 64 * MiB}`,
    '--innodb-buffer-pool-dump-at-shutdown=0',
    '--innodb-buffer-pool-load-at-startup=0',
    // DATA DIRECTORY in a CREATE TABLE would name one path for all servers of a local cluster.
    '--skip-symbolic-links',
    // values mean the same on all nodes, whatever their host
    '--default-time-zone=+00:00',
    '--character-set-server=utf8mb4',
    '--collation-server=utf8mb4_general_ci',
    '--lower-case-table-names=0',
    // The server reports changes of these variables to HTTP sessions (mysql-client/session-state.ts): MariaDB's defaults and
    // two more.
    '--session-track-system-variables=autocommit,character_set_client,character_set_connection,character_set_results,time_zone,collation_connection,completion_type',
    // A reset of a session keeps its list of statements, which the next client would see; no client can raise a maximum.
    '--profiling-history-size=0',
    '--maximum-profiling-history-size=0',
    // memory
    '--performance-schema=0',
    '--query-cache-type=0',
    '--query-cache-size=0',
    '--key-buffer-size=64K',
    '--aria-pagecache-buffer-size=4M',
    '--table-open-cache=400',
    '--max-connections=400',
    ...tlsArgs(settings.tls ?? null),
    ...(settings.extraArgs ?? []),
  ];
}

/** The server truncates its log only with both options (seen on 10.11). */
function recoverArgs(recoverAs: RecoverAs): string[] {
  if (recoverAs === 'primary') return ['--rpl-semi-sync-slave-enabled=0'];
  return ['--rpl-semi-sync-slave-enabled=1', '--init-rpl-role=SLAVE'];
}

function tlsArgs(tls: ServerTls | null): string[] {
  if (tls === null) return [];
  return [
    `--ssl-cert=${tls.cert}`,
    `--ssl-key=${tls.key}`,
    ...(tls.ca === null ? [] : [`--ssl-ca=${tls.ca}`]),
    '--tls-version=TLSv1.2,TLSv1.3',
  ];
}
