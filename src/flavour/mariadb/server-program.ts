import type { ServerProgram } from '../server-program.js';
import {
  emptyServer,
  hasFailed,
  hasRolledBack,
  isOffline,
  ownAccounts,
  rollBackPrepared,
  saysWhy,
  statements,
} from './offline-runs.js';
import { nodeArgs, serverArgs } from './server-args.js';
import { mariadbWords } from './server-words.js';

/**
 * Everything of a schema at one position: rows, views, triggers, routines and events. Nothing is locked or
 * written; `--master-data=2` only writes the position down, as a comment. Binary values are written in hex.
 */
const DUMP_ARGS = [
  '--no-defaults',
  // Over the server's own socket. From 11.4 on, the program insists on TLS otherwise, which the server may not have.
  '--skip-ssl',
  '--single-transaction',
  '--master-data=2',
  '--gtid',
  '--routines',
  '--events',
  '--triggers',
  '--quick',
  '--hex-blob',
  '--default-character-set=utf8mb4',
];

export const mariadbProgram: ServerProgram = {
  ...{ serverArgs, nodeArgs, asRoot: ['--user=root'], dataFiles: () => [] },
  ...{ emptyServer, statements, ownAccounts, rollBackPrepared, hasRolledBack, hasFailed, saysWhy, isOffline },
  timeZones: {
    programs: ['mariadb-tzinfo-to-sql', 'mysql_tzinfo_to_sql'],
    session: 'SET SESSION sql_log_bin = 0, enforce_storage_engine = NULL; USE mysql',
  },
  dumpArgs: DUMP_ARGS,
  engineTables:
    'SELECT name FROM information_schema.innodb_sys_tables UNION SELECT name FROM information_schema.innodb_sys_tablespaces',
  relayState: /^(relay\.(\d+|index)|relay-log\.info|master\.info|multi-master\.info)$/,
  words: mariadbWords,
  untruncated: "DDL, XA or another engine's changes",
};
