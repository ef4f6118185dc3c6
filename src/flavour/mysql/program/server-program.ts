import type { PasswordOf } from '../../accounts.js';
import type { ServerProgram, ServerSettings } from '../../server-program.js';
import {
  emptyServer,
  hasFailed,
  hasRolledBack,
  isOffline,
  rollBackPrepared,
  saysWhy,
  statements,
} from './offline-runs.js';
import { nodeArgs, serverArgs } from './server-args.js';
import { mysqlWords } from './server-words.js';

/**
 * Everything of a schema at one position: rows, views, triggers, routines and events. Binary values are written in hex. The
 * program writes the position down as a comment; for that it locks all tables for a moment.
 */
const DUMP_ARGS = [
  '--no-defaults',
  '--single-transaction',
  '--source-data=2',
  '--set-gtid-purged=COMMENTED',
  '--no-tablespaces',
  '--routines',
  '--events',
  '--triggers',
  '--quick',
  '--hex-blob',
  '--default-character-set=utf8mb4',
];

/** @param accountStatements Skein's own accounts, see AccountsSql */
export function mysqlProgram(accountStatements: (passwordOf: PasswordOf) => string[]): ServerProgram {
  return {
    ...{ serverArgs, nodeArgs, asRoot: ['--user=root'], dataFiles },
    ...{ emptyServer, statements, rollBackPrepared, hasRolledBack, hasFailed, saysWhy, isOffline },
    ownAccounts: (files, dataDir, passwordOf) => statements(files, dataDir, accountStatements(passwordOf)),
    timeZones: { programs: ['mysql_tzinfo_to_sql'], session: 'SET SESSION sql_log_bin = 0; USE mysql' },
    dumpArgs: DUMP_ARGS,
    engineTables:
      'SELECT name AS name FROM information_schema.innodb_tables UNION SELECT name FROM information_schema.innodb_tablespaces',
    // The records about them are tables.
    relayState: /^relay\.(\d+|index)$/,
    words: mysqlWords,
    untruncated: 'changes that its engine had committed',
  };
}

/** The server reads its UUID, which is in the GTIDs of what it writes, from this file only. */
function dataFiles({ serverUuid }: Pick<ServerSettings, 'serverUuid'>) {
  return serverUuid === undefined ? [] : [{ name: 'auto.cnf', text: `[auto]\nserver-uuid=${serverUuid}\n` }];
}
