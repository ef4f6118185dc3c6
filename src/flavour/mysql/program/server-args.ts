import { initConnectArg } from '../../init-connect.js';
import type { NodeLimits, ProgramFiles, ServerSettings, ServerTls } from '../../server-program.js';

/**
 * The largest rpl_semi_sync_source_timeout the server takes, in ms (tried on 9.7: larger values are cut to it, and a commit does
 * wait under it): a commit must never be let go because time passed (rule M1).
 */
const SEMI_SYNC_TIMEOUT_MAX_MS = '18446744073709551615';

/**
 * A replica's applier must never wait for an acknowledgement. So the waiting is off, and the node turns it on before a primary opens
 * (waitForAcknowledgements). The plug-in is loaded always: an open server can not get it without a moment in which it is not there.
 */
const SEMI_SYNC_OFF = '--rpl-semi-sync-source-enabled=OFF';

/** The server purges no log by itself, because it does not know what other nodes still need (see node/retention/plan.ts). */
const KEEP_LOGS = ['--binlog-expire-logs-seconds=0', '--binlog-expire-logs-auto-purge=OFF'];

/** Tables whose rows do not survive a crash, or are not there at all. Temporary tables of the server itself are not meant. */
const DISABLED_ENGINES = 'MyISAM,MRG_MYISAM,MEMORY,CSV,ARCHIVE,BLACKHOLE,EXAMPLE,FEDERATED';

/** For all runs. No option file of the host may change settings that the promise depends on. */
export function commonArgs({ pathArgs }: ProgramFiles): string[] {
  return [
    '--no-defaults',
    ...pathArgs,
    '--mysqlx=OFF',
    // Its default is a directory that only an installation makes; without it the server does not start.
    '--secure-file-priv=NULL',
    // Certificates that the server would make for itself are of no use to clients, and each start would take longer.
    '--auto-generate-certs=OFF',
    '--sha256-password-auto-generate-rsa-keys=OFF',
    '--innodb-buffer-pool-dump-at-shutdown=OFF',
    '--innodb-buffer-pool-load-at-startup=OFF',
    // Names mean the same on all nodes. It belongs to the data: a start with another value is refused.
    '--lower-case-table-names=0',
  ];
}

/**
 * A later option overrides an earlier one. The server has no limit for temporary tables on the disk: they are in one table space
 * (`ibtmp1`, and one for each session), whose size only the file can limit, for all together.
 */
export function nodeArgs(limits: NodeLimits): string[] {
  const { connectionsMax, tmpTableBytesMax, operatorArgs } = limits;
  return [
    `--max-connections=${connectionsMax}`,
    `--innodb-temp-data-file-path=ibtmp1:12M:autoextend:max:${Math.max(16 * 2 ** 20, tmpTableBytesMax)}`,
    ...operatorArgs,
    initConnectArg(limits),
    SEMI_SYNC_OFF,
    ...KEEP_LOGS,
  ];
}

export function serverArgs(files: ProgramFiles, settings: ServerSettings): string[] {
  const MiB = 2 ** 20;
  return [
    ...commonArgs(files),
    `--datadir=${settings.dataDir}`,
    `--tmpdir=${settings.tmpDir}`,
    `--socket=${settings.socketPath}`,
    `--port=${settings.port}`,
    '--bind-address=127.0.0.1',
    '--skip-name-resolve',
    '--pid-file=mysqld.pid',
    // The node acts on lines of the log. With 3 the server also logs user names as clients send them, with their line breaks.
    '--log-error-verbosity=2',
    `--server-id=${settings.serverId}`,
    // closed
    '--super-read-only=ON',
    '--event-scheduler=OFF',
    '--skip-replica-start',
    '--plugin-load-add=rpl_semi_sync_source=semisync_source.so',
    '--rpl-semi-sync-source=FORCE',
    SEMI_SYNC_OFF,
    '--rpl-semi-sync-source-wait-point=AFTER_SYNC',
    '--rpl-semi-sync-source-wait-no-replica=ON',
    '--rpl-semi-sync-source-wait-for-replica-count=1',
    `--rpl-semi-sync-source-timeout=${SEMI_SYNC_TIMEOUT_MAX_MS}`,
    // the log
    '--log-bin=bin',
    '--relay-log=relay',
    '--relay-log-recovery=ON',
    '--log-replica-updates=ON',
    '--binlog-format=ROW',
    '--binlog-checksum=CRC32',
    '--binlog-row-image=FULL',
    // Each group tells whether its tables have a primary key.
    '--binlog-row-metadata=FULL',
    '--binlog-error-action=ABORT_SERVER',
    '--sync-binlog=1',
    // Files are purged as a whole, and a returning primary copies at most two of them (E2).
    '--max-binlog-size=64M',
    ...KEEP_LOGS,
    '--gtid-mode=ON',
    '--enforce-gtid-consistency=ON',
    // Row format makes functions and triggers safe; without this only SUPER could create them.
    '--log-bin-trust-function-creators=ON',
    // applying
    '--replica-parallel-workers=8',
    '--replica-preserve-commit-order=ON',
    '--replica-net-timeout=10',
    '--replica-max-allowed-packet=1G',
    '--max-allowed-packet=1G',
    // the engine
    `--disabled-storage-engines=${DISABLED_ENGINES}`,
    '--default-storage-engine=InnoDB',
    '--innodb-flush-log-at-trx-commit=1',
    `--innodb-buffer-pool-size=${settings.bufferPoolBytes ?? 64 * MiB}`,
    `--innodb-redo-log-capacity=${Math.max(REDO_BYTES_MIN, settings.redoLogBytes ?? 64 * MiB)}`,
    // values mean the same on all nodes, whatever their host
    '--default-time-zone=+00:00',
    '--character-set-server=utf8mb4',
    '--collation-server=utf8mb4_0900_ai_ci',
    '--local-infile=ON',
    // The server reports changes of these variables to HTTP sessions (mysql-client/session-state.ts): the defaults and more.
    '--session-track-system-variables=autocommit,character_set_client,character_set_connection,character_set_results,time_zone,collation_connection,completion_type',
    // A reset of a session keeps its list of statements, which the next client would see.
    '--profiling-history-size=0',
    ...MEMORY_ARGS,
    '--max-connections=400',
    ...tlsArgs(settings.tls ?? null),
    ...(settings.extraArgs ?? []),
  ];
}

/** The server takes no less. */
const REDO_BYTES_MIN = 8 * 2 ** 20;

/** What is resident with a pool of 64 MiB: 235 MB so, 465 MB with the server's own defaults (seen on 9.7). */
const MEMORY_ARGS = [
  // Its tables about replication have rows all the same, without the ids of threads.
  '--performance-schema=OFF',
  '--innodb-log-buffer-size=16M',
  '--table-open-cache=400',
  '--table-open-cache-instances=4',
  '--table-definition-cache=400',
  // Hashes of changed rows, from which replicas learn what they may execute in parallel. By default ten million.
  '--binlog-transaction-dependency-history-size=25000',
];

function tlsArgs(tls: ServerTls | null): string[] {
  // Without any version the server offers no TLS. There is no option that says so.
  if (tls === null) return ['--tls-version='];
  return [
    `--ssl-cert=${tls.cert}`,
    `--ssl-key=${tls.key}`,
    ...(tls.ca === null ? [] : [`--ssl-ca=${tls.ca}`]),
    '--tls-version=TLSv1.2,TLSv1.3',
  ];
}
