import { initConnectArg } from '../init-connect.js';
import type { NodeLimits, ProgramFiles, RecoverAs, ServerSettings, ServerTls } from '../server-program.js';

/**
 * The largest rpl_semi_sync_master_timeout the server takes, in ms (tried on 10.11: larger values are cut to it,
 * and a commit does wait under it): a commit must never be let go because time passed (rule M1).
 */
const SEMI_SYNC_TIMEOUT_MAX_MS = '18446744073709551615';

/** These options decide the format of the files, so every program that opens the data directory needs the same ones. */
export const FILE_FORMAT_ARGS = [
  '--innodb-data-file-path=ibdata1:10M:autoextend',
  '--innodb-undo-tablespaces=0',
];

/**
 * A server starts with semi-synchronous replication off. On a replica the applier must never wait for an acknowledgement
 * (seen on 10.11: "Waiting for semi-sync ACK from slave" in a worker). The node turns it on before a primary opens
 * (waitForAcknowledgements).
 */
const SEMI_SYNC_OFF = '--rpl-semi-sync-master-enabled=0';

/** The server purges no log by itself, because it does not know what other nodes still need (see node/retention/plan.ts). */
const KEEP_LOGS = ['--expire-logs-days=0', '--loose-max-binlog-total-size=0'];

/** A later option overrides an earlier one. */
export function nodeArgs(limits: NodeLimits): string[] {
  const { connectionsMax, tmpTableBytesMax, operatorArgs } = limits;
  return [
    `--max-connections=${connectionsMax}`,
    // A client may set a lower value. Without a maximum it could also set a higher one.
    `--tmp-disk-table-size=${tmpTableBytesMax}`,
    `--maximum-tmp-disk-table-size=${tmpTableBytesMax}`,
    ...operatorArgs,
    initConnectArg(limits),
    SEMI_SYNC_OFF,
    ...KEEP_LOGS,
  ];
}

export function serverArgs({ pathArgs }: ProgramFiles, settings: ServerSettings): string[] {
  const MiB = 2 ** 20;
  return [
    // No option file of the host may change settings that the promise depends on.
    '--no-defaults',
    ...pathArgs,
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
    // Each group tells whether its tables have a primary key (table-map.ts).
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

/** Without certificates of its own a server from 11.4 on makes some, and the MySQL ports could not look into TLS. */
function tlsArgs(tls: ServerTls | null): string[] {
  if (tls === null) return ['--skip-ssl'];
  return [
    `--ssl-cert=${tls.cert}`,
    `--ssl-key=${tls.key}`,
    ...(tls.ca === null ? [] : [`--ssl-ca=${tls.ca}`]),
    '--tls-version=TLSv1.2,TLSv1.3',
  ];
}
